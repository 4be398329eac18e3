import com.amazonaws.services.lambda.runtime.Context;
import com.amazonaws.services.lambda.runtime.RequestStreamHandler;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;

/** The handler of the other runtimes' tests. */
public final class Function implements RequestStreamHandler {
  private static final ObjectMapper JSON = new ObjectMapper();

  @Override
  public void handleRequest(InputStream input, OutputStream output, Context context) throws IOException {
    JsonNode event = JSON.readTree(input);
    JSON.writeValue(output, answer(event, context));
  }

  private static JsonNode answer(JsonNode event, Context context) {
    switch (event.path("do").asText("")) {
      case "fail":
        throw new ValueError("asked for");
      case "crash":
        Runtime.getRuntime().halt(137);
        return null;
      case "exit":
        System.exit(3);
        return null;
      case "sleep":
        System.out.println("sleeping");
        try {
          Thread.sleep(event.path("ms").asLong());
        } catch (InterruptedException interrupted) {
          Thread.currentThread().interrupt();
        }
        return JSON.getNodeFactory().textNode("slept");
      case "fill":
        return JSON.getNodeFactory().textNode("x".repeat(event.path("size").asInt()));
      case "size":
        return JSON.getNodeFactory().numberNode(event.path("text").asText().length());
      case "unserialisable":
        throw new IllegalStateException("not serialisable");
      case "context":
        return context(context);
      default:
        ObjectNode answer = JSON.createObjectNode();
        answer.set("echo", event);
        answer.put("text", "ü✓");
        return answer;
    }
  }

  private static JsonNode context(Context context) {
    ObjectNode told = JSON.createObjectNode();
    told.put("id", context.getAwsRequestId());
    told.put("arn", context.getInvokedFunctionArn());
    told.put("name", context.getFunctionName());
    told.put("version", context.getFunctionVersion());
    told.put("memory", String.valueOf(context.getMemoryLimitInMB()));
    told.put("group", context.getLogGroupName());
    told.put("stream", context.getLogStreamName());
    told.put("left", context.getRemainingTimeInMillis());
    told.put("trace", System.getProperty("com.amazonaws.xray.traceHeader"));
    if (context.getClientContext() == null || context.getClientContext().getCustom() == null) told.putNull("custom");
    else told.set("custom", JSON.valueToTree(context.getClientContext().getCustom()));
    return told;
  }
}

/** Its name is the error's type. */
final class ValueError extends RuntimeException {
  ValueError(String message) {
    super(message);
  }
}
