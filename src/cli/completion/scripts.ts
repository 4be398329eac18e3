/**
 * The scripts that a shell loads. Each asks the program itself what could stand at the cursor (`__complete`), so that
 * verbs and flags are those of the program that is installed, and hands the answer to its shell.
 */

export const SHELLS = ['bash', 'zsh', 'fish'] as const;
export type Shell = (typeof SHELLS)[number];

/** The answer that means: complete the names of files. */
export const FILES = ':files';

const BASH = `# bash completion for lambdacontainer: source <(lambdacontainer completion bash)
_lambdacontainer() {
  local current="\${COMP_WORDS[COMP_CWORD]}" answer word
  COMPREPLY=()
  answer="$("\${COMP_WORDS[0]}" __complete -- "\${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null)" || return 0
  if [[ $answer == '${FILES}' ]]; then
    compopt -o default 2>/dev/null
    return 0
  fi
  [[ $current == '=' ]] && current=''
  while IFS=$'\\t' read -r word _; do
    [[ -n $word && $word == "$current"* ]] && COMPREPLY+=("$word")
  done <<< "$answer"
  return 0
}
complete -F _lambdacontainer lambdacontainer lc
`;

const ZSH = `#compdef lambdacontainer lc
# zsh completion for lambdacontainer: source <(lambdacontainer completion zsh)
_lambdacontainer() {
  local -a lines candidates
  local line
  lines=("\${(@f)$("\${words[1]}" __complete -- "\${(@)words[2,CURRENT]}" 2>/dev/null)}")
  if [[ "\${lines[1]}" == '${FILES}' ]]; then
    _files
    return
  fi
  for line in "\${lines[@]}"; do
    [[ -n "$line" ]] && candidates+=("\${\${line%%$'\\t'*}//:/\\\\:}:\${line#*$'\\t'}")
  done
  _describe 'lambdacontainer' candidates
}
compdef _lambdacontainer lambdacontainer lc
`;

const FISH = `# fish completion for lambdacontainer: lambdacontainer completion fish | source
function __lambdacontainer_complete
  set -l words (commandline -opc)
  set -l current (commandline -ct)
  set -l answer ($words[1] __complete -- $words[2..-1] "$current" 2>/dev/null)
  if test "$answer[1]" = '${FILES}'
    __fish_complete_path "$current"
  else
    printf '%s\\n' $answer
  end
end
complete -c lambdacontainer -f -a '(__lambdacontainer_complete)'
complete -c lc -f -a '(__lambdacontainer_complete)'
`;

const SCRIPTS: Readonly<Record<Shell, string>> = { bash: BASH, zsh: ZSH, fish: FISH };

export function completionScript(shell: Shell): string {
  return SCRIPTS[shell];
}
