import java.net.URI;
import java.nio.file.*;
import javax.net.ssl.HttpsURLConnection;

/** Connects to every server of /opt/cases.txt. */
public class Readers {
	public static void main(String[] args) throws Exception {
		for (String line : Files.readAllLines(Path.of("/opt/cases.txt"))) {
			String[] at = line.split(" ");
			String said = "hello";
			try {
				HttpsURLConnection c = (HttpsURLConnection) URI.create("https://" + at[1] + ":" + at[2] + "/").toURL().openConnection();
				c.setConnectTimeout(20000);
				c.setReadTimeout(20000);
				c.getInputStream().readAllBytes();
			} catch (Exception e) {
				said = "";
				for (Throwable t = e; t != null; t = t.getCause()) {
					said += t.getClass().getSimpleName() + ": " + t.getMessage() + " ";
				}
			}
			System.out.println(at[0] + "\t" + said.replaceAll("\\s+", " "));
		}
	}
}
