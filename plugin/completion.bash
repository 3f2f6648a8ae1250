# bash completion for dbstep: source this file, or `source <(dbstep completion bash)`
_dbstep()
{
    local word=${COMP_WORDS[COMP_CWORD]} stage=${COMP_WORDS[1]} words
    if [[ $COMP_CWORD -eq 1 ]]; then
        words='help version stages completion data-test'
    else
        case $stage in
        help) words='data-test' ;;
        completion) words='bash' ;;
        data-test) words='--help --db-url-file --db-host --db-port --db-name --db-user --db-password-file --db-sslmode --db-sslrootcert --db-sslcert --db-sslkey --db-options --test-dir --connections --statement-timeout --sample-rows --stage --host --output-dir --fail-on --dry-run --timeout --log-level --log-format --output-encoding --run-as --results-dir --termination-log --card-template' ;;
        esac
    fi
    mapfile -t COMPREPLY < <(compgen -W "$words" -- "$word")
    [[ $word == --* || $COMP_CWORD -eq 1 ]] || COMPREPLY+=($(compgen -f -- "$word"))
}
complete -F _dbstep dbstep
