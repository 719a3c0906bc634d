import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.util.Properties;
import javax.mail.Message;
import javax.mail.Session;
import javax.mail.Transport;
import javax.mail.internet.InternetAddress;
import javax.mail.internet.MimeMessage;

/**
 * Sends a mail for every block of properties on standard input and says in one line what came of it.
 *
 * <p>A block is a line "name=value" for each property and ends with an empty line. Names that begin with "oracle." are
 * for this program: user and password to log in with, recipients.
 */
public class Oracle {
    public static void main(String[] arguments) throws Exception {
        BufferedReader in = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
        PrintStream out = new PrintStream(System.out, true, "UTF-8");
        Properties properties = new Properties();
        for (String line = in.readLine(); line != null; line = in.readLine()) {
            if (line.isEmpty()) {
                out.println(outcome(properties));
                properties = new Properties();
            } else {
                int at = line.indexOf('=');
                properties.setProperty(line.substring(0, at), line.substring(at + 1));
            }
        }
    }

    private static String outcome(Properties properties) {
        try {
            send(properties);
            return "sent";
        } catch (Throwable error) {
            StringBuilder words = new StringBuilder();
            for (Throwable cause = error; cause != null; cause = cause.getCause()) {
                words.append(words.length() == 0 ? "" : " <- ").append(cause.getClass().getSimpleName());
                words.append(": ").append(cause.getMessage());
            }
            return words.toString().replaceAll("\\s+", " ");
        }
    }

    private static void send(Properties properties) throws Exception {
        String user = (String) properties.remove("oracle.user");
        String password = (String) properties.remove("oracle.password");
        String recipients = (String) properties.remove("oracle.to");
        Session session = Session.getInstance(properties);
        MimeMessage message = new MimeMessage(session);
        message.setFrom(new InternetAddress("ann@example.com"));
        message.setRecipients(Message.RecipientType.TO, InternetAddress.parse(recipients, false));
        message.setSubject("oracle");
        message.setText("a text of the oracle");
        try (Transport transport = session.getTransport()) {
            if (user == null) {
                transport.connect();
            } else {
                transport.connect(user, password);
            }
            message.saveChanges();
            transport.sendMessage(message, message.getAllRecipients());
        }
    }
}
