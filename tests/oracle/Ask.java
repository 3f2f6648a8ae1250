import java.io.BufferedReader;
import java.io.FileDescriptor;
import java.io.FileOutputStream;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.lang.reflect.Array;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collection;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.logging.Level;
import java.util.logging.LogManager;
import java.util.logging.Logger;
import liquibase.ChecksumVersion;
import liquibase.Contexts;
import liquibase.LabelExpression;
import liquibase.Scope;
import liquibase.change.AbstractChange;
import liquibase.change.Change;
import liquibase.change.CheckSum;
import liquibase.change.DbmsTargetedChange;
import liquibase.changelog.ChangeLogParameters;
import liquibase.changelog.ChangeSet;
import liquibase.changelog.DatabaseChangeLog;
import liquibase.changelog.filter.ContextChangeSetFilter;
import liquibase.changelog.filter.DbmsChangeSetFilter;
import liquibase.changelog.filter.LabelChangeSetFilter;
import liquibase.database.Database;
import liquibase.database.DatabaseFactory;
import liquibase.database.DatabaseList;
import liquibase.database.ObjectQuotingStrategy;
import liquibase.parser.ChangeLogParserFactory;
import liquibase.resource.DirectoryResourceAccessor;
import liquibase.resource.ResourceAccessor;
import liquibase.serializer.core.string.StringChangeLogSerializer;
import liquibase.sql.Sql;
import liquibase.sql.visitor.SqlVisitor;
import liquibase.sqlgenerator.SqlGeneratorFactory;
import liquibase.statement.SqlStatement;

/**
 * Asks the real Liquibase what it makes of changelogs, many in one JVM, without a database.
 *
 * <p>Arguments: DIR [--contexts=C] [--labels=L] [-Dname=value]... FILE... ; FILE is relative to DIR, "-" reads names from stdin. Prints
 * one JSON object per changeset, or per file that cannot be read.
 */
public final class Ask {
    public static void main(String[] args) throws Exception {
        LogManager.getLogManager().reset();
        Logger.getLogger("").setLevel(Level.OFF);
        PrintStream out = new PrintStream(new FileOutputStream(FileDescriptor.out), false, StandardCharsets.UTF_8);
        System.setOut(System.err); // whatever the library prints must not get between the lines
        ask(args, out);
        out.flush();
    }

    static void ask(String[] args, PrintStream out) throws Exception {
        Path dir = Path.of(args[0]).toAbsolutePath();
        String contexts = "", labels = "";
        Map<String, String> parameters = new LinkedHashMap<>();
        List<String> files = new ArrayList<>();
        for (String a : Arrays.asList(args).subList(1, args.length)) {
            if (a.startsWith("--contexts=")) {
                contexts = a.substring(11);
            } else if (a.startsWith("--labels=")) {
                labels = a.substring(9);
            } else if (a.startsWith("-D")) {
                int at = a.indexOf('=');
                parameters.put(a.substring(2, at), a.substring(at + 1));
            } else if (a.equals("-")) {
                BufferedReader in = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
                for (String line = in.readLine(); line != null; line = in.readLine()) {
                    files.add(line);
                }
            } else {
                files.add(a);
            }
        }
        String givenContexts = contexts, givenLabels = labels;
        ResourceAccessor accessor = new DirectoryResourceAccessor(dir);
        Map<String, Object> scope = new LinkedHashMap<>();
        scope.put(Scope.Attr.resourceAccessor.name(), accessor);
        Scope.child(scope, () -> {
            for (String file : files) {
                // a database each: a changelog may leave settings behind in it
                Database db = DatabaseFactory.getInstance().openDatabase(
                        "offline:postgresql?version=15.0&outputLiquibaseSql=none", null, null, null, accessor);
                // the sums ask the scope's database which changes its dbms leaves out
                Scope.child(Scope.Attr.database.name(), db, () -> file(db, accessor, file, new Contexts(givenContexts),
                        new LabelExpression(givenLabels), parameters, out));
            }
        });
    }

    private static void file(Database db, ResourceAccessor accessor, String file, Contexts contexts, LabelExpression labels,
            Map<String, String> given, PrintStream out) {
        DatabaseChangeLog log;
        try {
            ChangeLogParameters parameters = new ChangeLogParameters(db);
            given.forEach(parameters::set);
            parameters.setContexts(contexts);
            parameters.setLabels(labels);
            log = ChangeLogParserFactory.getInstance().getParser(file, accessor).parse(file, parameters, accessor);
        } catch (Throwable e) {
            Map<String, Object> line = new LinkedHashMap<>();
            line.put("root", file);
            line.put("error", message(e));
            out.println(json(line));
            return;
        }
        for (ChangeSet set : log.getChangeSets()) {
            out.println(json(changeset(db, file, set, contexts, labels)));
        }
    }

    private static Map<String, Object> changeset(Database db, String root, ChangeSet set, Contexts contexts, LabelExpression labels) {
        Map<String, Object> line = new LinkedHashMap<>();
        line.put("root", root);
        line.put("file", set.getFilePath());
        line.put("id", set.getId());
        line.put("author", set.getAuthor());
        List<String> invalid = new ArrayList<>();
        for (Change change : set.getChanges()) {
            try {
                change.finishInitialization();
                invalid.addAll(change.validate(db).getErrorMessages());
            } catch (Throwable e) {
                invalid.add(message(e));
            }
        }
        line.put("invalid", invalid);
        sums(line, set, "_all");
        line.put("description", attempt(set::getDescription));
        line.put("comments", set.getComments());
        line.put("contexts", set.getContextFilter().isEmpty() ? null : set.getContextFilter().toString());
        List<String> inherited = new ArrayList<>();
        set.getInheritableContextFilter().forEach(c -> inherited.add(c.toString()));
        line.put("inherited_contexts", inherited);
        line.put("labels", set.getLabels() == null || set.getLabels().isEmpty() ? null : set.getLabels().toString());
        line.put("dbms", set.getDbmsSet());
        line.put("run_on_change", set.isRunOnChange());
        line.put("run_always", set.isAlwaysRun());
        line.put("run_in_transaction", set.isRunInTransaction());
        line.put("fail_on_error", set.getFailOnError() == null || set.getFailOnError());
        line.put("ignore", set.isIgnore() || set.isInheritableIgnore());
        line.put("run_order", set.getRunOrder());
        line.put("quoting", set.getObjectQuotingStrategy() == null ? null : set.getObjectQuotingStrategy().name());
        List<String> sums = new ArrayList<>();
        for (CheckSum sum : set.getValidCheckSums()) {
            sums.add(sum.toString());
        }
        line.put("valid", sums);
        line.put("preconditions", set.getPreconditions() == null ? null
                : attempt(() -> new StringChangeLogSerializer().serialize(set.getPreconditions(), true)));

        boolean accepted = new ContextChangeSetFilter(contexts).accepts(set).isAccepted();
        accepted &= new LabelChangeSetFilter(labels).accepts(set).isAccepted();
        accepted &= new DbmsChangeSetFilter(db).accepts(set).isAccepted(); // these also leave out visitors
        line.put("accepted", accepted);
        sums(line, set, ""); // what the history gets: without those visitors

        db.setObjectQuotingStrategy(
                set.getObjectQuotingStrategy() == null ? ObjectQuotingStrategy.LEGACY : set.getObjectQuotingStrategy());
        List<Object> changes = new ArrayList<>();
        for (Change change : set.getChanges()) {
            changes.add(change(db, change, set.getSqlVisitors()));
        }
        line.put("changes", changes);
        line.put("rollback", rollback(db, set));
        return line;
    }

    private static void sums(Map<String, Object> line, ChangeSet set, String suffix) {
        for (ChecksumVersion version : new ChecksumVersion[] {ChecksumVersion.V8, ChecksumVersion.V9}) {
            set.clearCheckSum(); // it is kept from the first question on
            line.put("v" + version.getVersion() + suffix, attempt(() -> set.generateCheckSum(version).toString()));
        }
        set.clearCheckSum();
    }

    private static Map<String, Object> change(Database db, Change change, List<SqlVisitor> visitors) {
        Map<String, Object> out = new LinkedHashMap<>();
        out.put("name", change.getSerializedObjectName());
        out.put("description", attempt(change::getDescription));
        for (ChecksumVersion version : new ChecksumVersion[] {ChecksumVersion.V8, ChecksumVersion.V9}) {
            out.put("text_v" + version.getVersion(), attempt(() -> text(change, version)));
            out.put("v" + version.getVersion(), attempt(() -> {
                Map<String, Object> scope = new LinkedHashMap<>();
                scope.put(Scope.Attr.checksumVersion.name(), version);
                return Scope.child(scope, () -> change.generateCheckSum().toString());
            }));
        }
        boolean runs = !(change instanceof DbmsTargetedChange)
                || DatabaseList.definitionMatches(((DbmsTargetedChange) change).getDbms(), db, true);
        out.put("runs", runs);
        out.put("supported", attempt(() -> String.valueOf(change.supports(db))));
        try {
            List<String> plain = new ArrayList<>(), visited = new ArrayList<>();
            for (Sql sql : SqlGeneratorFactory.getInstance().generateSql(change.generateStatements(db), db)) {
                plain.add(sql.toSql());
                visited.add(visit(db, sql.toSql(), visitors));
            }
            out.put("statements", visited);
            if (!plain.equals(visited)) {
                out.put("before_visitors", plain);
            }
        } catch (Throwable e) {
            out.put("statements_error", message(e));
        }
        return out;
    }

    /** What the checksum of a plain change covers: the serialised text without the fields that this version leaves out. */
    private static String text(Change change, ChecksumVersion version) throws Exception {
        Map<String, Object> scope = new LinkedHashMap<>();
        scope.put(Scope.Attr.checksumVersion.name(), version);
        List<String> excluded = change instanceof AbstractChange
                ? Arrays.asList(((AbstractChange) change).getExcludedFieldFilters(version))
                : List.of();
        return Scope.child(scope, () -> new StringChangeLogSerializer(new StringChangeLogSerializer.FieldFilter() {
            @Override
            public boolean include(Object object, String field, Object value) {
                return !excluded.contains(field);
            }
        }).serialize(change, false));
    }

    private static Object rollback(Database db, ChangeSet set) {
        List<SqlVisitor> visitors = new ArrayList<>();
        for (SqlVisitor visitor : set.getSqlVisitors()) {
            if (visitor.isApplyToRollback()) {
                visitors.add(visitor);
            }
        }
        List<String> out = new ArrayList<>();
        Map<String, Object> error = new LinkedHashMap<>();
        try {
            if (set.hasCustomRollbackChanges()) {
                for (Change change : set.getRollback().getChanges()) {
                    if (change instanceof DbmsTargetedChange
                            && !DatabaseList.definitionMatches(((DbmsTargetedChange) change).getDbms(), db, true)) {
                        continue;
                    }
                    change.finishInitialization();
                    statements(db, change.generateStatements(db), visitors, out);
                }
            } else {
                List<Change> changes = set.getChanges();
                for (int i = changes.size() - 1; i >= 0; i--) {
                    statements(db, changes.get(i).generateRollbackStatements(db), visitors, out);
                }
            }
        } catch (Throwable e) {
            error.put("error", message(e));
            return error;
        }
        return out;
    }

    private static void statements(Database db, SqlStatement[] statements, List<SqlVisitor> visitors, List<String> out) {
        if (statements == null) {
            return;
        }
        for (Sql sql : SqlGeneratorFactory.getInstance().generateSql(statements, db)) {
            out.add(visit(db, sql.toSql(), visitors));
        }
    }

    private static String visit(Database db, String sql, List<SqlVisitor> visitors) {
        for (SqlVisitor visitor : visitors) {
            sql = visitor.modifySql(sql, db);
        }
        return sql;
    }

    private interface Attempt {
        String get() throws Exception;
    }

    private static String attempt(Attempt what) {
        try {
            return what.get();
        } catch (Throwable e) {
            return "error: " + message(e);
        }
    }

    private static String message(Throwable e) {
        StringBuilder text = new StringBuilder(String.valueOf(e.getMessage()));
        for (Throwable c = e.getCause(); c != null && text.length() < 4000; c = c.getCause()) {
            if (c.getMessage() != null && text.indexOf(c.getMessage()) < 0) {
                text.append(" <- ").append(c.getMessage());
            }
        }
        return e.getClass().getSimpleName() + ": " + text;
    }

    static String json(Object value) {
        if (value == null) {
            return "null";
        }
        if (value instanceof Boolean || value instanceof Number) {
            return value.toString();
        }
        List<String> parts = new ArrayList<>();
        if (value instanceof Map) {
            ((Map<?, ?>) value).forEach((k, v) -> parts.add(json(k) + ": " + json(v)));
            return "{" + String.join(", ", parts) + "}";
        }
        if (value instanceof Collection || value.getClass().isArray()) {
            if (value instanceof Collection) {
                ((Collection<?>) value).forEach(v -> parts.add(json(v)));
            } else {
                for (int i = 0; i < Array.getLength(value); i++) {
                    parts.add(json(Array.get(value, i)));
                }
            }
            return "[" + String.join(", ", parts) + "]";
        }
        StringBuilder out = new StringBuilder("\"");
        for (char c : value.toString().toCharArray()) {
            if (c == '"' || c == '\\') {
                out.append('\\').append(c);
            } else if (c < ' ' || Character.isSurrogate(c) || c > 0x7e) {
                out.append(String.format("\\u%04x", (int) c));
            } else {
                out.append(c);
            }
        }
        return out.append('"').toString();
    }
}
