# Completion of certgraft for bash: source <(certgraft completion bash)
# Made from the command tree by go run ./internal/gen. Do not edit.
_certgraft() {
  local ids='aiven alibaba-apsaradb amazon-roots aptible artifactory aws-keyspaces aws-rds aws-rds-china aws-rds-eusc aws-rds-govcloud aws-rds-iso aws-redshift azure-cosmos-emulator azure-db azure-tls-roots burp caddy charles cisco-umbrella clickhouse-cloud clickhouse-cloud-postgres cloudamqp cloudflare-gateway cloudflare-origin-ca cockroach-cloud confluent-cloud couchbase-capella crunchy-bridge databricks datastax-astra digitalocean-db dod-pki elastic-cloud elasticsearch exoscale-dbaas fiddler fly-io fortinet gcp-cloudsql gcp-cloudsql-instance gcp-memorystore gitlab google-roots harbor heroku-postgres hetzner hivemq-cloud huawei-rds ibm-cloud-databases igtf ionos-dbaas k3s kubernetes-cluster letsencrypt letsencrypt-staging linode-db minikube mitmproxy mkcert mongodb-atlas mozilla neo4j-aura neon netskope nexus oracle-oci ovh-db palo-alto planetscale railway redis-cloud render russian-trusted scaleway-db singlestore snowflake sophos supabase tencent-cloud-db tidb-cloud timescale ubicloud-postgres upcloud-db upstash us-fpki vault volcengine-rds vultr-db yandex-cloud zscaler'
  local regions='aws-rds:af-south-1 aws-rds:ap-east-1 aws-rds:ap-east-2 aws-rds:ap-northeast-1 aws-rds:ap-northeast-2 aws-rds:ap-northeast-3 aws-rds:ap-south-1 aws-rds:ap-south-2 aws-rds:ap-southeast-1 aws-rds:ap-southeast-2 aws-rds:ap-southeast-3 aws-rds:ap-southeast-4 aws-rds:ap-southeast-5 aws-rds:ap-southeast-6 aws-rds:ap-southeast-7 aws-rds:ca-central-1 aws-rds:ca-west-1 aws-rds:eu-central-1 aws-rds:eu-central-2 aws-rds:eu-north-1 aws-rds:eu-south-1 aws-rds:eu-south-2 aws-rds:eu-west-1 aws-rds:eu-west-2 aws-rds:eu-west-3 aws-rds:il-central-1 aws-rds:me-central-1 aws-rds:me-south-1 aws-rds:mx-central-1 aws-rds:sa-east-1 aws-rds:us-east-1 aws-rds:us-east-2 aws-rds:us-west-1 aws-rds:us-west-2 aws-rds-china:cn-north-1 aws-rds-china:cn-northwest-1 aws-rds-govcloud:us-gov-east-1 aws-rds-govcloud:us-gov-west-1 aws-redshift:china gcp-cloudsql:africa-south1 gcp-cloudsql:asia-east1 gcp-cloudsql:asia-east2 gcp-cloudsql:asia-northeast1 gcp-cloudsql:asia-northeast2 gcp-cloudsql:asia-northeast3 gcp-cloudsql:asia-south1 gcp-cloudsql:asia-south2 gcp-cloudsql:asia-southeast1 gcp-cloudsql:asia-southeast2 gcp-cloudsql:australia-southeast1 gcp-cloudsql:australia-southeast2 gcp-cloudsql:europe-central2 gcp-cloudsql:europe-north1 gcp-cloudsql:europe-southwest1 gcp-cloudsql:europe-west1 gcp-cloudsql:europe-west10 gcp-cloudsql:europe-west12 gcp-cloudsql:europe-west2 gcp-cloudsql:europe-west3 gcp-cloudsql:europe-west4 gcp-cloudsql:europe-west6 gcp-cloudsql:europe-west8 gcp-cloudsql:europe-west9 gcp-cloudsql:me-central1 gcp-cloudsql:me-central2 gcp-cloudsql:me-west1 gcp-cloudsql:northamerica-northeast1 gcp-cloudsql:northamerica-northeast2 gcp-cloudsql:northamerica-south1 gcp-cloudsql:southamerica-east1 gcp-cloudsql:southamerica-west1 gcp-cloudsql:us-central1 gcp-cloudsql:us-east1 gcp-cloudsql:us-east4 gcp-cloudsql:us-east5 gcp-cloudsql:us-south1 gcp-cloudsql:us-west1 gcp-cloudsql:us-west2 gcp-cloudsql:us-west3 gcp-cloudsql:us-west4 us-fpki:below'
  local line=${COMP_LINE:0:COMP_POINT} cur prev cmd kind='' words='' flags='' operands='' i
  local -a all
  local IFS=$' \t\n'
  read -ra all <<<"$line"
  [[ $line == *[[:space:]] ]] && all+=('')
  cur=${all[${#all[@]} - 1]} prev=${all[${#all[@]} - 2]} cmd=${all[1]}
  COMPREPLY=()
  if ((${#all[@]} == 2)); then
    COMPREPLY=($(compgen -W 'install remove distrust patch bundle run env inspect list verify lock diff check hook cdi completion version --help --version' -- "$cur"))
    return
  fi
  for ((i = 2; i < ${#all[@]} - 1; i++)); do
    if [[ ${all[i]} == -- && $cmd == run ]]; then
      ((i == ${#all[@]} - 2)) && COMPREPLY=($(compgen -c -- "$cur"))
      return
    fi
  done
  case $cmd in
    install) flags='--append --dry-run --fsync --hooks --java-password-file --keep-going --lock-timeout --output --override-blocklist --root --stores --sync --user --with-mozilla --catalog --distrusted --expired --lock --non-ca --optional --policy --source-password-file --cache --download-ca --insecure --no-fallback --offline --timeout --help -h --json --quiet -q --verbose' ;;
    remove) flags='--all --dry-run --from-file --fsync --hooks --image --in-place --java-password-file --lock-timeout --root --shard --tag -t --user --annotation --cache --cache-repo --jobs --keep-attestations --keep-other-platforms --label --layer --max-layer-size --platform --require-full-scan --scan --catalog --insecure-registry --registry-ca --help -h --json --metadata-file --quiet -q --verbose' ;;
    distrust) flags='--dry-run --from-file --fsync --hooks --image --in-place --java-password-file --lock-timeout --must-exist --root --shard --tag -t --undo --user --annotation --cache --cache-repo --jobs --keep-attestations --keep-other-platforms --label --layer --max-layer-size --platform --require-full-scan --scan --catalog --insecure-registry --registry-ca --help -h --json --metadata-file --quiet -q --verbose' ;;
    patch) flags='--append --dry-run --from-file --in-place --keep-going --override-blocklist --shard --stores --sync --tag -t --with-mozilla --annotation --cache-repo --env --jobs --keep-attestations --keep-other-platforms --label --layer --max-layer-size --platform --print-plan --require-full-scan --scan --catalog --distrusted --expired --lock --non-ca --policy --source-password-file --cache --download-ca --insecure --no-fallback --offline --timeout --insecure-registry --registry-ca --help -h --json --metadata-file --quiet -q --verbose' ;;
    bundle) flags='--catalog --distrusted --expired --lock --non-ca --policy --root --source-password-file --with-system --cache --download-ca --insecure --no-fallback --offline --timeout --format --help -h --json --name --output --password-file --quiet -q --verbose' ;;
    run) flags='--in-root --mode --catalog --distrusted --expired --lock --non-ca --optional --policy --source-password-file --cache --download-ca --insecure --no-fallback --offline --timeout --help -h --json --quiet -q --verbose' ;;
    env) flags='--root --all --format --help -h --json --quiet -q --verbose' ;;
    inspect) flags='--from-file --java-password-file --root --shard --cache --platform --insecure-registry --registry-ca --cyclonedx --help -h --html --json --quiet -q --verbose' ;;
    list) flags='--catalog --search --help -h --json --quiet -q --verbose' ;;
    verify) flags='--as --from-file --image --java --java-password-file --only --root --shard --with --platform --catalog --source-password-file --ipv4 -4 --ipv6 -6 --proxy --servername --starttls --timeout --cache --download-ca --insecure --no-fallback --offline --insecure-registry --registry-ca --help -h --json --quiet -q --save-chain --verbose' ;;
    lock) flags='--check --lock --update --within --catalog --distrusted --source-password-file --cache --download-ca --insecure --no-fallback --offline --timeout --help -h --json --quiet -q --verbose' ;;
    diff) flags='--from-file --java-password-file --shard --cache --platform --insecure-registry --registry-ca --help -h --json --quiet -q --verbose' ;;
    check) flags='--from-file --java-password-file --policy --shard --platform --catalog --source-password-file --cache --download-ca --insecure --no-fallback --offline --timeout --insecure-registry --registry-ca --help -h --json --quiet -q --sarif --verbose' ;;
    hook) flags='--state --strict --catalog --distrusted --expired --lock --non-ca --policy --source-password-file --cache --download-ca --insecure --no-fallback --offline --timeout --help -h --json --quiet -q --verbose' ;;
    cdi) flags='--strict --catalog --distrusted --expired --lock --non-ca --policy --source-password-file --cache --download-ca --insecure --no-fallback --offline --timeout --device --help -h --json --output --plain --quiet -q --verbose' ;;
    completion) flags='--help -h --json --quiet -q --verbose' ;;
    version) flags='--help -h --json --quiet -q --verbose' ;;
  esac
  case $cmd in
    install) operands=sources ;;
    remove) operands=sources ;;
    distrust) operands=file ;;
    patch) operands=image-sources ;;
    bundle) operands=sources ;;
    run) operands=sources ;;
    env) operands= ;;
    inspect) operands=image ;;
    list) operands=ids ;;
    verify) operands=hosts ;;
    lock) operands=sources ;;
    diff) operands=image ;;
    check) operands=image ;;
    hook) operands=shells ;;
    cdi) operands=sources ;;
    completion) operands=shells ;;
    version) operands= ;;
  esac
  if [[ $cur == --*=* ]]; then
    prev=${cur%%=*} cur=${cur#*=}
  fi
  case "$cmd $prev" in
    'install --output' | 'install --root' | 'install --cache' | 'remove --root' | 'remove --cache' | 'distrust --root' | 'distrust --cache' | 'patch --cache' | 'bundle --root' | 'bundle --cache' | 'run --cache' | 'env --root' | 'inspect --root' | 'inspect --cache' | 'verify --root' | 'verify --cache' | 'lock --cache' | 'diff --cache' | 'check --cache' | 'hook --state' | 'hook --cache' | 'cdi --cache')
      kind=dir words='' ;;
    'install --java-password-file' | 'install --catalog' | 'install --lock' | 'install --source-password-file' | 'install --download-ca' | 'remove --from-file' | 'remove --java-password-file' | 'remove --catalog' | 'remove --registry-ca' | 'remove --metadata-file' | 'distrust --from-file' | 'distrust --java-password-file' | 'distrust --catalog' | 'distrust --registry-ca' | 'distrust --metadata-file' | 'patch --from-file' | 'patch --catalog' | 'patch --lock' | 'patch --source-password-file' | 'patch --download-ca' | 'patch --registry-ca' | 'patch --metadata-file' | 'bundle --catalog' | 'bundle --lock' | 'bundle --source-password-file' | 'bundle --download-ca' | 'bundle --output' | 'bundle --password-file' | 'run --catalog' | 'run --lock' | 'run --source-password-file' | 'run --download-ca' | 'inspect --from-file' | 'inspect --java-password-file' | 'inspect --registry-ca' | 'inspect --cyclonedx' | 'inspect --html' | 'list --catalog' | 'verify --from-file' | 'verify --java' | 'verify --java-password-file' | 'verify --with' | 'verify --catalog' | 'verify --source-password-file' | 'verify --download-ca' | 'verify --registry-ca' | 'verify --save-chain' | 'lock --lock' | 'lock --catalog' | 'lock --source-password-file' | 'lock --download-ca' | 'diff --from-file' | 'diff --java-password-file' | 'diff --registry-ca' | 'check --from-file' | 'check --java-password-file' | 'check --policy' | 'check --catalog' | 'check --source-password-file' | 'check --download-ca' | 'check --registry-ca' | 'check --sarif' | 'hook --catalog' | 'hook --lock' | 'hook --source-password-file' | 'hook --download-ca' | 'cdi --catalog' | 'cdi --lock' | 'cdi --source-password-file' | 'cdi --download-ca' | 'cdi --output')
      kind=file words='' ;;
    'install --lock-timeout' | 'install --timeout' | 'remove --image' | 'remove --lock-timeout' | 'remove --shard' | 'remove --tag' | 'remove -t' | 'remove --annotation' | 'remove --cache-repo' | 'remove --jobs' | 'remove --label' | 'remove --max-layer-size' | 'remove --insecure-registry' | 'distrust --image' | 'distrust --lock-timeout' | 'distrust --shard' | 'distrust --tag' | 'distrust -t' | 'distrust --annotation' | 'distrust --cache-repo' | 'distrust --jobs' | 'distrust --label' | 'distrust --max-layer-size' | 'distrust --insecure-registry' | 'patch --shard' | 'patch --tag' | 'patch -t' | 'patch --annotation' | 'patch --cache-repo' | 'patch --jobs' | 'patch --label' | 'patch --max-layer-size' | 'patch --timeout' | 'patch --insecure-registry' | 'bundle --timeout' | 'bundle --name' | 'run --timeout' | 'inspect --shard' | 'inspect --insecure-registry' | 'list --search' | 'verify --image' | 'verify --shard' | 'verify --servername' | 'verify --timeout' | 'verify --insecure-registry' | 'lock --within' | 'lock --timeout' | 'diff --shard' | 'diff --insecure-registry' | 'check --shard' | 'check --timeout' | 'check --insecure-registry' | 'hook --timeout' | 'cdi --timeout' | 'cdi --device')
      kind=other words='' ;;
    'remove --layer' | 'distrust --layer' | 'patch --layer')
      kind=words words='append rewrite' ;;
    'remove --scan' | 'distrust --scan' | 'patch --scan')
      kind=words words='auto all' ;;
    'install --fsync' | 'remove --fsync' | 'distrust --fsync')
      kind=words words='auto always never' ;;
    'install --hooks' | 'remove --hooks' | 'distrust --hooks' | 'patch --env')
      kind=words words='auto none' ;;
    'install --stores' | 'patch --stores')
      kind=words words='auto system debian alpine p11-kit arch suse photon flatcar clear openwrt nix bundle java env config php homebrew python ruby conda composer browser' ;;
    'run --mode')
      kind=words words='env in-root auto' ;;
    'install --policy' | 'patch --policy' | 'bundle --policy' | 'run --policy' | 'hook --policy' | 'cdi --policy')
      kind=words words='exact additions any known' ;;
    'remove --platform' | 'distrust --platform' | 'patch --platform' | 'inspect --platform' | 'verify --platform' | 'diff --platform' | 'check --platform')
      kind=words words='linux/amd64 linux/arm64 linux/arm/v7 linux/ppc64le linux/s390x linux/riscv64' ;;
    'verify --proxy')
      kind=words words='none' ;;
    'verify --as')
      kind=words words='openssl gnutls go python requests httpx curl wget git node node-debian deno rustls bun java erlang erlang-https ruby php libpq pgjdbc nss all' ;;
    'bundle --format')
      kind=words words='pem split der jks p12 configmap' ;;
    'env --format')
      kind=words words='sh dockerfile json compose' ;;
    'install --distrusted' | 'install --expired' | 'install --non-ca' | 'patch --distrusted' | 'patch --expired' | 'patch --non-ca' | 'bundle --distrusted' | 'bundle --expired' | 'bundle --non-ca' | 'run --distrusted' | 'run --expired' | 'run --non-ca' | 'lock --distrusted' | 'hook --distrusted' | 'hook --expired' | 'hook --non-ca' | 'cdi --distrusted' | 'cdi --expired' | 'cdi --non-ca')
      kind=words words='skip keep fail' ;;
    'verify --starttls')
      kind=words words='tls postgres postgres-direct mysql mssql mssql-strict mongodb redis kafka neo4j amqp smtp smtps imap imaps pop3 pop3s ldap ldaps ftp ftps xmpp xmpp-server nats mqtts' ;;
  esac
  if [[ -z $kind && $cur == -* ]]; then
    kind=words words=$flags
  elif [[ -z $kind ]]; then
    kind=$operands
  fi
  [[ $kind == *sources || $kind == ids ]] && words=$ids && [[ $cur == *:* ]] && words=$regions
  [[ $kind == image* ]] && words="$words docker:// oci: oci-archive: docker-archive: docker-daemon:"
  [[ $kind == shells ]] && words='bash zsh fish'
  case $kind in
    dir) COMPREPLY=($(compgen -d -- "$cur")) ;;
    hosts) COMPREPLY=($(compgen -A hostname -- "$cur")) ;;
    file | other) ;;
    *)
      COMPREPLY=($(compgen -W "$words" -- "$cur"))
      [[ $COMP_WORDBREAKS == *:* && $cur == *:* ]] && COMPREPLY=("${COMPREPLY[@]#"${cur%"${cur##*:}"}"}")
      ;;
  esac
  case $kind in
    *sources | image) IFS=$'\n' && COMPREPLY+=($(compgen -f -- "${cur##*:}")) ;;
  esac
  case $kind,${COMPREPLY[0]} in
    image*,*: | image*,*// | dir,*) compopt -o nospace 2>/dev/null ;;
  esac
  [[ $kind == dir ]] && compopt -o filenames 2>/dev/null
  return 0
}
complete -o bashdefault -o default -F _certgraft certgraft
