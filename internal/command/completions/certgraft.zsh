#compdef certgraft
# Completion of certgraft for zsh: source <(certgraft completion zsh)
_certgraft() {
  local -a words_before replies
  words_before=("${(@)words[1,CURRENT-1]}")
  if [[ "${words[CURRENT]}" == -* ]]; then
    words_before+=("${words[CURRENT]}")
  fi
  replies=("${(@f)$("${words_before[@]}" --generate-bash-completion 2>/dev/null)}")
  compadd -a replies
  _files
}
compdef _certgraft certgraft
