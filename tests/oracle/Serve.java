import java.io.BufferedReader;
import java.io.ByteArrayOutputStream;
import java.io.FileDescriptor;
import java.io.FileOutputStream;
import java.io.InputStream;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.Map;
import liquibase.Scope;
import liquibase.ThreadLocalScopeManager;
import liquibase.integration.commandline.LiquibaseCommandLine;
import liquibase.lockservice.LockServiceFactory;

/**
 * Runs Liquibase's command line any number of times in one JVM, which saves seconds each time.
 *
 * <p>Each line on stdin holds arguments separated by U+001F: "liquibase" and what its command line takes, or "ask" and what Ask takes. Each is
 * answered by one line of JSON: exit, out, err. Whatever Liquibase keeps in memory between runs (services, the fast check's answers, locks) is
 * thrown away before each.
 */
public final class Serve {
    public static void main(String[] args) throws Exception {
        PrintStream answers = new PrintStream(new FileOutputStream(FileDescriptor.out), true, StandardCharsets.UTF_8);
        PrintStream noise = System.err;
        BufferedReader in = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
        System.setIn(InputStream.nullInputStream());
        for (String line = in.readLine(); line != null; line = in.readLine()) {
            String[] words = line.split("\u001f", -1);
            String[] rest = Arrays.copyOfRange(words, 1, words.length);
            ByteArrayOutputStream out = new ByteArrayOutputStream(), err = new ByteArrayOutputStream();
            int exit = 0;
            Scope.setScopeManager(new ThreadLocalScopeManager());
            LockServiceFactory.reset();
            try (PrintStream o = new PrintStream(out, true, StandardCharsets.UTF_8);
                    PrintStream e = new PrintStream(err, true, StandardCharsets.UTF_8)) {
                System.setOut(o);
                System.setErr(e);
                if (words[0].equals("ask")) {
                    System.setOut(noise);
                    Ask.ask(rest, o);
                } else {
                    exit = new LiquibaseCommandLine().execute(rest);
                }
            } catch (Throwable e) {
                exit = 99;
                e.printStackTrace(new PrintStream(err, true, StandardCharsets.UTF_8));
            } finally {
                System.setOut(noise);
                System.setErr(noise);
            }
            Map<String, Object> answer = new LinkedHashMap<>();
            answer.put("exit", exit);
            answer.put("out", out.toString(StandardCharsets.UTF_8));
            answer.put("err", err.toString(StandardCharsets.UTF_8));
            answers.println(Ask.json(answer));
        }
    }
}
