/** Judges one manifest as a whole: its envelope was judged when it was read, here its spec is, by its kind and class. */
import {
  type Defect,
  KIND_CLASS,
  KIND_GIT_SOURCE,
  type ManifestDefect,
  type ManifestObject,
  placed,
  validateClass,
  validateGitSource,
  validateLambdaContainer,
} from '../../api/index.ts';
import { type ClassLookup, classNameOf } from './classes.ts';

/** Every defect of the spec, with its place. Without its class only what needs none is judged. */
export async function defectsOf(object: ManifestObject, classes: ClassLookup): Promise<ManifestDefect[]> {
  const place = (defects: readonly Defect[]): ManifestDefect[] => placed(object, defects);
  if (object.kind === KIND_CLASS) return place(validateClass(object.spec).defects);
  if (object.kind === KIND_GIT_SOURCE) return place(validateGitSource(object.spec).defects);
  const answer = await classes.get(classNameOf(object.spec));
  const classSpec = typeof answer === 'string' ? undefined : answer;
  return place(validateLambdaContainer(object.spec, classSpec, object.namespace).defects);
}
