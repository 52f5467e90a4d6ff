# Prints what zsh completes on a line, a word a line, and whatever else it writes to its terminal meanwhile:
# capture.zsh DIRECTORY-OF-COMPLETIONS SCRATCH-DIRECTORY LINE
zmodload zsh/zpty
zpty shell zsh -f -i
cat > $2/set-up <<SET_UP
fpath=(${(q)1} \$fpath)
cd ${(q)2}
SET_UP
cat >> $2/set-up <<'SET_UP'
PROMPT=
autoload -U compinit && compinit -u -d ./dump
bindkey '^M' undefined
bindkey '^J' undefined
bindkey '^I' complete-word
mark() { print -r -- @@ }
compprefuncs=(mark)
comppostfuncs=(mark exit)
compadd() {
  # A call that fills an array adds no word.
  if (( ${@[(I)-[OAD]]} )); then
    builtin compadd "$@"
    return
  fi
  typeset -a found
  builtin compadd -A found "$@"
  # Words come after the beginning that compset has put aside.
  (( $#found )) && print -rl -- $IPREFIX${^found}
}
print -r -- ready
SET_UP
zpty -w shell "source $2/set-up"
while zpty -r shell line; do [[ $line == ready* ]] && break; done
zpty -w -n shell "$3"$'\t'
marks=0
while zpty -r shell line; do
  [[ $line == *@@* ]] && { (( ++marks == 2 )) && break; continue }
  (( marks )) && print -r -- ${line%%$'\r'*}
done
