import java.nio.file.*;
import java.sql.DriverManager;
import java.sql.SQLException;

/** Connects to every server of /opt/cases.txt with pgjdbc, which looks for ~/.postgresql/root.crt. */
public class Postgres {
	public static void main(String[] args) throws Exception {
		DriverManager.setLoginTimeout(20);
		for (String line : Files.readAllLines(Path.of("/opt/cases.txt"))) {
			String[] at = line.split(" ");
			String said = "";
			try {
				DriverManager.getConnection("jdbc:postgresql://" + at[1] + ":" + at[2] + "/d?user=u&sslmode=verify-full");
			} catch (SQLException e) {
				for (Throwable t = e; t != null; t = t.getCause()) {
					said += t.getClass().getSimpleName() + ": " + t.getMessage() + " ";
				}
			}
			System.out.println(at[0] + "\t" + (said.contains("hello") ? "hello" : said.replaceAll("\\s+", " ")));
		}
	}
}
