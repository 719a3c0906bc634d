import java.io.BufferedReader;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.Base64;
import org.forgerock.opendj.config.dsconfig.DSConfig;

/**
 * Runs the server's own command many times in one process, each time as its launcher does: the same class, the same words.
 *
 * <p>A line of input is one command: its words in Base64, separated by blanks. A line of output is what became of it: the exit
 * status, what it printed, and its errors, the latter two in Base64 with a colon before them.
 */
public final class Dsconfig {
  private Dsconfig() {}

  /** Obeys until the input ends. */
  public static void main(String[] none) throws IOException {
    PrintStream answers = System.out;
    System.setOut(System.err); // whatever prints there is none of its answers
    BufferedReader commands = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.US_ASCII));
    for (String line = commands.readLine(); line != null; line = commands.readLine()) {
      String[] words = Arrays.stream(line.split(" ")).map(Dsconfig::decode).toArray(String[]::new);
      ByteArrayOutputStream out = new ByteArrayOutputStream();
      ByteArrayOutputStream errors = new ByteArrayOutputStream();
      int status = DSConfig.main(words, out, errors);
      answers.println(status + " :" + encode(out) + " :" + encode(errors));
      answers.flush();
    }
  }

  private static String decode(String word) {
    return new String(Base64.getDecoder().decode(word), StandardCharsets.UTF_8);
  }

  private static String encode(ByteArrayOutputStream bytes) {
    return Base64.getEncoder().encodeToString(bytes.toByteArray());
  }
}
