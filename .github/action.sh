#!/usr/bin/env bash
# What action.yml runs: gets certgraft and starts it. The inputs are in INPUT_…; words in them are
# separated by white space, and nothing in them is run or expanded by the shell.
set -euo pipefail
set -f

fail() {
  echo "::error::certgraft: $*" >&2
  exit 2
}

# download puts the program into a directory of the runner that is gone after the job.
download() {
  local os arch archive dir sums
  [[ "$INPUT_VERSION" =~ ^v[0-9] ]] || fail "name the release with version: v0.1.0, or a program that is there with binary"
  case "$(uname -s)" in
    Linux) os=linux ;;
    Darwin) os=darwin ;;
    *) fail "no release runs on $(uname -s)" ;;
  esac
  case "$(uname -m)" in
    x86_64 | amd64) arch=amd64 ;;
    aarch64 | arm64) arch=arm64 ;;
    armv7*) arch=armv7 ;;
    ppc64le | s390x | riscv64) arch=$(uname -m) ;;
    *) fail "no release is for $(uname -m)" ;;
  esac
  archive="certgraft_${INPUT_VERSION#v}_${os}_${arch}.tar.gz"
  dir=$(mktemp -d "${RUNNER_TEMP:-/tmp}/certgraft.XXXXXX")
  curl -fsSL --proto '=https' --retry 3 -o "$dir/$archive" "$INPUT_DOWNLOAD_URL/$INPUT_VERSION/$archive"
  if [ -n "$INPUT_SHA256" ]; then
    sums="$INPUT_SHA256  $archive"
  else
    sums=$(curl -fsSL --proto '=https' --retry 3 "$INPUT_DOWNLOAD_URL/$INPUT_VERSION/SHA256SUMS" | grep -F "  $archive") ||
      fail "SHA256SUMS of $INPUT_VERSION does not name $archive"
  fi
  local check=(sha256sum -c -)
  command -v sha256sum >/dev/null || check=(shasum -a 256 -c -) # macOS
  (cd "$dir" && echo "$sums" | "${check[@]}" >&2) || fail "$archive is not what its checksum says"
  tar -xzf "$dir/$archive" -C "$dir" certgraft
  echo "$dir/certgraft"
}

# edit_images runs patch, remove or distrust on the image, or on those of the list. What a list did before it failed
# is in the outputs, too.
edit_images() {
  local tag metadata references status=0
  local args=("$INPUT_MODE")
  case "$INPUT_MODE:${INPUT_IMAGE:+image}${INPUT_FROM_FILE:+list}" in
    *:imagelist) fail "image and from-file exclude each other" ;;
    *:list) args+=(--from-file "$INPUT_FROM_FILE") ;;
    patch:image) args+=("$INPUT_IMAGE") ;;
    remove:image | distrust:image) args+=(--image "$INPUT_IMAGE") ;;
    *) fail "mode $INPUT_MODE needs image, or from-file" ;;
  esac
  # shellcheck disable=SC2206 # words of inputs, and no globs
  args+=($INPUT_SOURCES $INPUT_ARGS)
  [ -z "$INPUT_LOCK" ] || args+=(--lock "$INPUT_LOCK")
  [ -z "$INPUT_SHARD" ] || args+=(--shard "$INPUT_SHARD")
  for tag in $INPUT_TAGS; do args+=(--tag "$tag"); done
  [ -z "$INPUT_IMAGE" ] || [ -n "$INPUT_TAGS" ] || args+=(--in-place)
  metadata=$(mktemp "${RUNNER_TEMP:-/tmp}/certgraft-metadata.XXXXXX")
  references=$("$certgraft" "${args[@]}" --metadata-file "$metadata") || status=$?
  if [ "$status" != 0 ] && [ -z "$references" ]; then exit "$status"; fi
  {
    echo "references<<END_OF_REFERENCES"
    echo "$references"
    echo "END_OF_REFERENCES"
    echo "digest=$(sed -n 's/^  "digest": "\(sha256:[0-9a-f]*\)",$/\1/p' "$metadata")"
    echo "metadata=$metadata"
  } >> "$GITHUB_OUTPUT"
  exit "$status"
}

# check_images looks for what should not be trusted in the image, or in those of the list. What was found is
# in a file for code scanning.
check_images() {
  local sarif status=0
  local args=(check)
  case "${INPUT_IMAGE:+image}${INPUT_FROM_FILE:+list}" in
    imagelist) fail "image and from-file exclude each other" ;;
    list) args+=(--from-file "$INPUT_FROM_FILE") ;;
    image) args+=("$INPUT_IMAGE") ;;
    *) fail "mode check needs image, or from-file" ;;
  esac
  # shellcheck disable=SC2206 # words of inputs, and no globs
  args+=($INPUT_ARGS)
  [ -z "$INPUT_SHARD" ] || args+=(--shard "$INPUT_SHARD")
  sarif=$(mktemp -d "${RUNNER_TEMP:-/tmp}/certgraft-check.XXXXXX")/certgraft.sarif
  "$certgraft" "${args[@]}" --sarif "$sarif" || status=$?
  [ ! -s "$sarif" ] || echo "sarif=$sarif" >> "$GITHUB_OUTPUT"
  exit "$status"
}

install_here() {
  # shellcheck disable=SC2206 # words of inputs, and no globs
  local command=("$certgraft" install $INPUT_SOURCES $INPUT_ARGS)
  [ -z "$INPUT_LOCK" ] || command+=(--lock "$INPUT_LOCK")
  if [ "$(id -u)" != 0 ]; then command=(sudo "${command[@]}"); fi
  "${command[@]}"
}

case "$INPUT_MODE" in
  patch | install) [ -n "${INPUT_SOURCES//[[:space:]]/}$INPUT_LOCK" ] || fail "name what to trust with sources, or lock" ;;
  remove | distrust)
    [ -n "${INPUT_SOURCES//[[:space:]]/}" ] || fail "name what to take out with sources: --all is everything, and for distrust @all"
    [ -z "$INPUT_LOCK" ] || fail "mode $INPUT_MODE reads what is in the image: it takes no lock"
    ;;
  check) [ -z "${INPUT_SOURCES//[[:space:]]/}$INPUT_LOCK" ] || fail "mode check takes no sources: a policy names them, with args: --policy FILE" ;;
  *) fail "mode is patch, remove, distrust, check or install, not $INPUT_MODE" ;;
esac
certgraft=$INPUT_BINARY
[ -n "$certgraft" ] || certgraft=$(download)
case "$INPUT_MODE" in
  install) install_here ;;
  check) check_images ;;
  *) edit_images ;;
esac
