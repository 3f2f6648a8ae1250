# bash completion for dbstep: source this file, or `source <(dbstep completion bash)`
_dbstep()
{
    local word=${COMP_WORDS[COMP_CWORD]} stage=${COMP_WORDS[1]} words
    if [[ $COMP_CWORD -eq 1 ]]; then
        words='help version stages completion schema-preview schema-deploy schema-status integrity-baseline integrity-diff data-test'
    else
        case $stage in
        help) words='schema-preview schema-deploy schema-status integrity-baseline integrity-diff data-test' ;;
        completion) words='bash' ;;
        schema-preview) words='--help --db-url-file --db-host --db-port --db-name --db-user --db-password-file --db-sslmode --db-sslrootcert --db-sslcert --db-sslkey --db-options --changelog-file --search-path --contexts --labels --parameters --split --default-schema-name --liquibase-schema-name --database-changelog-table-name --database-changelog-lock-table-name --count --tag --print --liquibase-version --stage --host --output-dir --fail-on --dry-run --timeout --connect-timeout --log-level --log-format --output-encoding --run-as --results-dir --termination-log --card-template' ;;
        schema-deploy) words='--help --db-url-file --db-host --db-port --db-name --db-user --db-password-file --db-sslmode --db-sslrootcert --db-sslcert --db-sslkey --db-options --changelog-file --search-path --contexts --labels --parameters --split --default-schema-name --liquibase-schema-name --database-changelog-table-name --database-changelog-lock-table-name --count --tag --tag-before --lock-timeout --lock-retries --statement-timeout --lock-wait --liquibase-version --stage --host --output-dir --fail-on --dry-run --timeout --connect-timeout --log-level --log-format --output-encoding --run-as --results-dir --termination-log --card-template' ;;
        schema-status) words='--help --db-url-file --db-host --db-port --db-name --db-user --db-password-file --db-sslmode --db-sslrootcert --db-sslcert --db-sslkey --db-options --changelog-file --search-path --contexts --labels --parameters --split --default-schema-name --liquibase-schema-name --database-changelog-table-name --database-changelog-lock-table-name --stage --host --output-dir --fail-on --dry-run --timeout --connect-timeout --log-level --log-format --output-encoding --run-as --results-dir --termination-log --card-template' ;;
        integrity-baseline) words='--help --db-url-file --db-host --db-port --db-name --db-user --db-password-file --db-sslmode --db-sslrootcert --db-sslcert --db-sslkey --db-options --certificate --strictness --tables --exclude-tables --connections --chunk-rows --slice-size --statement-timeout --lock-timeout --aggregate --stage --host --output-dir --fail-on --dry-run --timeout --connect-timeout --log-level --log-format --output-encoding --run-as --results-dir --termination-log --card-template' ;;
        integrity-diff) words='--help --db-url-file --db-host --db-port --db-name --db-user --db-password-file --db-sslmode --db-sslrootcert --db-sslcert --db-sslkey --db-options --baseline --source-db-url-file --source-db-host --source-db-port --source-db-name --source-db-user --source-db-password-file --source-db-sslmode --source-db-sslrootcert --source-db-sslcert --source-db-sslkey --source-db-options --expected-changes --live-writes --deployed-transactions --strictness --show-values --hash-keys --max-rows --max-drill-rows --tables --exclude-tables --connections --chunk-rows --slice-size --statement-timeout --lock-timeout --aggregate --stage --host --output-dir --fail-on --dry-run --timeout --connect-timeout --log-level --log-format --output-encoding --run-as --results-dir --termination-log --card-template' ;;
        data-test) words='--help --db-url-file --db-host --db-port --db-name --db-user --db-password-file --db-sslmode --db-sslrootcert --db-sslcert --db-sslkey --db-options --test-dir --connections --statement-timeout --sample-rows --stage --host --output-dir --fail-on --dry-run --timeout --connect-timeout --log-level --log-format --output-encoding --run-as --results-dir --termination-log --card-template' ;;
        esac
    fi
    mapfile -t COMPREPLY < <(compgen -W "$words" -- "$word")
    [[ $word == --* || $COMP_CWORD -eq 1 ]] || COMPREPLY+=($(compgen -f -- "$word"))
}
complete -F _dbstep dbstep
