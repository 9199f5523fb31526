# Completions of primer for bash; made by: primer help --completion bash
_primer()
{
    local word=${COMP_WORDS[COMP_CWORD]} options= verbs=
    COMPREPLY=()
    if [ "$COMP_CWORD" -eq 1 ]; then
        options='run serve inspect tokens logprobs bench perplexity eval quantize merge grow tokenizer data train plot help version'
        COMPREPLY=($(compgen -W "$options" -- "$word"))
        return
    fi
    case ${COMP_WORDS[1]} in
    run) options=' -p --prompt -f --file --system -sys --system-prompt --template --chat-template --raw --special --json-schema --grammar --grammar-file --regex --choice --temp --temperature --top-k --top_k --top-p --top_p --min-p --min_p --typical --typical-p --typical_p --repeat-penalty --repeat_penalty --presence-penalty --presence_penalty --frequency-penalty --frequency_penalty --repeat-last-n --repeat_last_n -s --seed --logit-bias --logit_bias --samplers -n --predict --n-predict --num-predict --stop -r --reverse-prompt --ignore-eos -c --ctx-size --num-ctx --kv --kv-format -ctk --cache-type-k --self-extend --grp-attn-n -gan --grp-attn-w -gaw --rope-freq-base --rope-scale --drop-oldest --context-shift --keep --adapter --lora -t --threads --no-prefix-cache --ignore-memory --draft -md --model-draft --no-speculation -v --verbose --think --color --colour -h --help' ;;
    serve) options=' --template --chat-template -c --ctx-size --num-ctx --kv --kv-format -ctk --cache-type-k --self-extend --grp-attn-n -gan --grp-attn-w -gaw --rope-freq-base --rope-scale --adapter --lora -t --threads --no-prefix-cache --ignore-memory --host --port --api-key-file --insecure --origins --alias --parallel -np --max-queue --max-loaded --keep-alive --max-body --grace --access-log --log-prompts --color --colour -h --help' ;;
    inspect) options=' -j --json --color --colour -h --help --tensors --all --knobs' ;;
    tokens) options=' --special --color --colour -h --help -d --decode' ;;
    logprobs) options=' -c --ctx-size --num-ctx --kv --kv-format -ctk --cache-type-k --self-extend --grp-attn-n -gan --grp-attn-w -gaw --rope-freq-base --rope-scale --adapter --lora -t --threads --ignore-memory --color --colour -h --help --ids --top' ;;
    bench) options=' -c --ctx-size --num-ctx --kv --kv-format -ctk --cache-type-k --self-extend --grp-attn-n -gan --grp-attn-w -gaw --rope-freq-base --rope-scale -t --threads --ignore-memory -j --json --color --colour -h --help -p --prompt -n --predict -d --depth --clients --runs --speculate --prefix --no-limits --limits-only' ;;
    perplexity) options=' --special -c --ctx-size --num-ctx --kv --kv-format -ctk --cache-type-k --self-extend --grp-attn-n -gan --grp-attn-w -gaw --rope-freq-base --rope-scale --adapter --lora -t --threads --ignore-memory -j --json --color --colour -h --help --chunks' ;;
    eval) options=' --template --chat-template --top-k --top_k --top-p --top_p --min-p --min_p --repeat-penalty --repeat_penalty -s --seed --stop -r --reverse-prompt -c --ctx-size --num-ctx --kv --kv-format -ctk --cache-type-k --self-extend --grp-attn-n -gan --grp-attn-w -gaw --rope-freq-base --rope-scale --adapter --lora -t --threads --ignore-memory -j --json --color --colour -h --help -m --model -n --max-tokens --predict --n-predict --num-predict --temp --temperature --samples --parallel -np --limit --from --to --raw --seconds --report --answers' ;;
    quantize) options=' -t --threads -j --json --color --colour -h --help' ;;
    merge) options=' -t --threads -j --json --color --colour -h --help -o --output --type' ;;
    grow) options=' -t --threads -j --json --color --colour -h --help -o --output --method --layers --embedding --heads --kv-heads --head-dimensions --rotary --feed-forward --noise -s --seed --type' ;;
    tokenizer) options=' -t --threads -j --json --color --colour -h --help -o --output --vocab --vocab-size --pattern --pre --template --chat-template --split-digits --special --special-last --least-count --fewer --characters' ;;
    data) options=' --template --chat-template -t --threads -j --json --color --colour -h --help --tokenizer -o --output -o --output -n --count -s --seed --split --only --most-wrong --tests --teacher --teacher-model --key-file --parallel --max-tokens --temp --temperature --tries --timeout --most-refused --field --separator --skip-bad -o --output --report --exact --similarity --words --against --against-field --words --similarity --model --distance --words-only --samples -o --output --rubric --by --model -o --output --ratings --rejected --report --threshold --method --trees --folds --hold-out --features --tokens --save --load -n --count --no-text --lines -s --seed -o --output -n --count -s --seed --by --rubric --by-kind --report' verbs='synth dedup decontaminate rate filter review shard stats' ;;
    train) options=' -t --threads --ignore-memory --plan --fresh --set -j --json --color --colour -h --help' ;;
    plot) options=' --color --colour -h --help -o --output --x --y --log-x --log-y --smooth --title --names --group --bars' ;;
    help) options=' --color --colour -h --help --completion' ;;
    version) options=' --color --colour -h --help' ;;
    esac
    case $word in
    -*) COMPREPLY=($(compgen -W "$options" -- "$word")) ;;
    *)
        if [ "$COMP_CWORD" -eq 2 ] && [ -n "$verbs" ]; then
            COMPREPLY=($(compgen -W "$verbs" -- "$word"))
        else
            COMPREPLY=($(compgen -f -- "$word"))
        fi ;;
    esac
}
complete -o filenames -F _primer primer
