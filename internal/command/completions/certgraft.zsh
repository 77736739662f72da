#compdef certgraft
# Completion of certgraft for zsh: source <(certgraft completion zsh), or as _certgraft in a directory of fpath
# Made from the command tree by go run ./internal/gen. Do not edit.
_certgraft_sources() {
  local -a ids regions
  ids=(aiven alibaba-apsaradb amazon-roots aptible artifactory aws-keyspaces aws-rds aws-rds-china aws-rds-eusc aws-rds-govcloud aws-rds-iso aws-redshift azure-cosmos-emulator azure-db azure-tls-roots burp caddy charles cisco-umbrella clickhouse-cloud clickhouse-cloud-postgres cloudamqp cloudflare-gateway cloudflare-origin-ca cockroach-cloud confluent-cloud couchbase-capella crunchy-bridge databricks datastax-astra digitalocean-db dod-pki elastic-cloud elasticsearch exoscale-dbaas fiddler fly-io fortinet gcp-cloudsql gcp-cloudsql-instance gcp-memorystore gitlab google-roots harbor heroku-postgres hetzner hivemq-cloud huawei-rds ibm-cloud-databases igtf ionos-dbaas k3s kubernetes-cluster letsencrypt letsencrypt-staging linode-db minikube mitmproxy mkcert mongodb-atlas mozilla neo4j-aura neon netskope nexus oracle-oci ovh-db palo-alto planetscale railway redis-cloud render russian-trusted scaleway-db singlestore snowflake sophos supabase tencent-cloud-db tidb-cloud timescale ubicloud-postgres upcloud-db upstash us-fpki vault volcengine-rds vultr-db yandex-cloud zscaler)
  regions=(aws-rds:af-south-1 aws-rds:ap-east-1 aws-rds:ap-east-2 aws-rds:ap-northeast-1 aws-rds:ap-northeast-2 aws-rds:ap-northeast-3 aws-rds:ap-south-1 aws-rds:ap-south-2 aws-rds:ap-southeast-1 aws-rds:ap-southeast-2 aws-rds:ap-southeast-3 aws-rds:ap-southeast-4 aws-rds:ap-southeast-5 aws-rds:ap-southeast-6 aws-rds:ap-southeast-7 aws-rds:ca-central-1 aws-rds:ca-west-1 aws-rds:eu-central-1 aws-rds:eu-central-2 aws-rds:eu-north-1 aws-rds:eu-south-1 aws-rds:eu-south-2 aws-rds:eu-west-1 aws-rds:eu-west-2 aws-rds:eu-west-3 aws-rds:il-central-1 aws-rds:me-central-1 aws-rds:me-south-1 aws-rds:mx-central-1 aws-rds:sa-east-1 aws-rds:us-east-1 aws-rds:us-east-2 aws-rds:us-west-1 aws-rds:us-west-2 aws-rds-china:cn-north-1 aws-rds-china:cn-northwest-1 aws-rds-govcloud:us-gov-east-1 aws-rds-govcloud:us-gov-west-1 aws-redshift:china gcp-cloudsql:africa-south1 gcp-cloudsql:asia-east1 gcp-cloudsql:asia-east2 gcp-cloudsql:asia-northeast1 gcp-cloudsql:asia-northeast2 gcp-cloudsql:asia-northeast3 gcp-cloudsql:asia-south1 gcp-cloudsql:asia-south2 gcp-cloudsql:asia-southeast1 gcp-cloudsql:asia-southeast2 gcp-cloudsql:australia-southeast1 gcp-cloudsql:australia-southeast2 gcp-cloudsql:europe-central2 gcp-cloudsql:europe-north1 gcp-cloudsql:europe-southwest1 gcp-cloudsql:europe-west1 gcp-cloudsql:europe-west10 gcp-cloudsql:europe-west12 gcp-cloudsql:europe-west2 gcp-cloudsql:europe-west3 gcp-cloudsql:europe-west4 gcp-cloudsql:europe-west6 gcp-cloudsql:europe-west8 gcp-cloudsql:europe-west9 gcp-cloudsql:me-central1 gcp-cloudsql:me-central2 gcp-cloudsql:me-west1 gcp-cloudsql:northamerica-northeast1 gcp-cloudsql:northamerica-northeast2 gcp-cloudsql:northamerica-south1 gcp-cloudsql:southamerica-east1 gcp-cloudsql:southamerica-west1 gcp-cloudsql:us-central1 gcp-cloudsql:us-east1 gcp-cloudsql:us-east4 gcp-cloudsql:us-east5 gcp-cloudsql:us-south1 gcp-cloudsql:us-west1 gcp-cloudsql:us-west2 gcp-cloudsql:us-west3 gcp-cloudsql:us-west4 us-fpki:below)
  if [[ $PREFIX == *:* ]]; then
    compadd -a regions
  else
    compadd -a ids
  fi
  _files
}
_certgraft_images() {
  local -a transports
  transports=(docker:// oci: oci-archive: docker-archive: docker-daemon:)
  compset -P '*:' || compadd -S '' -a transports
  _files
}
_certgraft() {
  local -i at=${words[(i)--]}
  if [[ $words[2] == run ]] && ((at < CURRENT)); then
    shift $at words
    ((CURRENT -= at))
    _normal
    return
  fi
  if ((CURRENT == 2)); then
    local -a commands
    commands=(
      'install:add certificates to every trust store of a root file system'
      'remove:take out what install put in, and nothing else'
      'distrust:take CAs out of every trust store for good, whoever put them there'
      'patch:add certificates to every trust store of an image that exists'
      'bundle:write certificates out, checked and re-encoded'
      'run:run a command that trusts more CAs, and leave nothing behind'
      'env:write the variables that make each runtime use the system'\''s bundle'
      'inspect:say which trust stores there are, what each holds, and where they disagree'
      'list:list the providers in the catalogue, or say all that is known of one, or of a list of distrusted CAs'
      'verify:connect to a server as a client would, and say why it is not trusted and what to do'
      'lock:write down what sources hold, and compare it with what they hold now'
      'diff:say which certificates one of two trusts and the other does not'
      'check:find CAs in roots and images that should not be trusted, or are missing, or expire'
      'hook:as a hook of a container runtime: have a container trust from its start to its end'
      'cdi:write a device for container engines that has a container trust while it runs'
      'completion:write the script that completes commands, flags and catalogue ids'
      'version:write the version of certgraft and of what it was built with'
    )
    _describe command commands
    return
  fi
  local cmd=$words[2]
  shift words
  ((CURRENT--))
  local -a args
  [[ $cmd == (bundle) ]] && args+=(
    '--root=[the root file system in DIR for --with-system]:DIR:_directories'
    '--with-system[start with the certificates that the root trusts]'
    '--format=[pem (one file), split (a PEM file for each), der (a DER file for each), jks or p12 (a Java trust store) or configmap (for Kubernetes)]:FORMAT:(pem split der jks p12 configmap)'
    '--name=[with --format configmap: it is called NAME (default: certgraft-ca)]:NAME: '
    '--output=[write to PATH, - being standard output; a directory for split and der]:PATH:_files'
    '--password-file=[with --format jks or p12: the password is in FILE (default: changeit for jks, none for p12)]:FILE:_files'
  )
  [[ $cmd == (cdi) ]] && args+=(
    '--device=[call the device certgraft.dev/ca=NAME]:NAME: '
    '--output=[write the device to FILE, which - stands for standard output in; engines look in /etc/cdi and /var/run/cdi]:FILE:_files'
    '--plain[leave out what engines before CDI 0.6 refuse, as podman 4 is one]'
  )
  [[ $cmd == (check) ]] && args+=(
    '--from-file=[check the images in FILE, a line for each: IMAGE, or as for patch IMAGE DESTINATION, of which the latter counts]:FILE:_files'
    '--policy=[what roots must and may trust is in FILE, see docs/check.md]:FILE:_files'
    '--sarif=[write the findings to FILE too, as SARIF 2.1.0]:FILE:_files'
  )
  [[ $cmd == (diff) ]] && args+=(
    '--from-file=[compare the images in FILE, a line for each: A B]:FILE:_files'
  )
  [[ $cmd == (distrust) ]] && args+=(
    '--from-file=[distrust it in the images in FILE, a line for each: IMAGE and where to write it]:FILE:_files'
    '--must-exist[fail if a WHAT is in no store and not distrusted already, and change nothing]'
    '--undo[give back what was taken out; without WHAT, all of it]'
    '*:file of certificates:_files'
  )
  [[ $cmd == (env) ]] && args+=(
    '--root=[look at the root file system in DIR]:DIR:_directories'
    '--all[write the variables of runtimes too that are not in the root, or need none]'
    '--format=[sh, dockerfile, json or compose]:FORMAT:(sh dockerfile json compose)'
  )
  [[ $cmd == (hook) ]] && args+=(
    '--state=[keep in DIR what the second hook needs, and hook.log]:DIR:_directories'
  )
  [[ $cmd == (hook|cdi) ]] && args+=(
    '--strict[let no container start that does not trust]'
  )
  [[ $cmd == (hook|completion) ]] && args+=(
    '1:shell:(bash zsh fish)'
  )
  [[ $cmd == (inspect) ]] && args+=(
    '--from-file=[look into the images in FILE, a line for each: IMAGE, or as for patch IMAGE DESTINATION, of which the latter counts]:FILE:_files'
    '--root=[look into the root file system in DIR, as the argument does]:DIR:_directories'
    '--cyclonedx=[write a bill of the certificates to FILE too, as CycloneDX 1.6; - is standard output, and nothing else is written there]:FILE:_files'
    '--html=[write a page for a browser to FILE too; - is standard output, and nothing else is written there]:FILE:_files'
  )
  [[ $cmd == (inspect|diff|check) ]] && args+=(
    '*:root, file or image:_certgraft_images'
  )
  [[ $cmd == (inspect|verify|diff|check) ]] && args+=(
    '--platform=[of an image for several: the one for OS/ARCH(/VARIANT)]:OS/ARCH:(linux/amd64 linux/arm64 linux/arm/v7 linux/ppc64le linux/s390x linux/riscv64)'
  )
  [[ $cmd == (install) ]] && args+=(
    '--output=[leave the root alone and write what would change into DIR]:DIR:_directories'
    '--override-blocklist[install certificates that the root has deselected]'
    '--optional[leave out files that do not exist or are empty; without any source nothing is installed]'
  )
  [[ $cmd == (install|patch) ]] && args+=(
    '--append[only append to the bundle file: no anchors, no links]'
    '--keep-going[edit the other stores when one fails]'
    '--stores=[edit only these STORES, separated by commas: auto, system, java …]:STORES:(auto system debian alpine p11-kit arch suse photon flatcar clear openwrt nix bundle java env config php homebrew python ruby conda composer browser)'
    '--sync[take out what was installed before and the source no longer has]'
    '--with-mozilla[where there is no bundle yet, start it with the Mozilla roots]'
  )
  [[ $cmd == (install|patch|bundle|run|hook|cdi) ]] && args+=(
    '--expired=[expired certificates: skip, keep or fail]:EXPIRED:(skip keep fail)'
    '--lock=[take only what the policy allows of what is locked in FILE; without a source, every locked one]:FILE:_files'
    '--non-ca=[certificates that are not a CA'\''s: keep, skip or fail]:NON-CA:(skip keep fail)'
    '--policy=[with a lock: exact (what is locked), additions (what is new too) or any (whatever the source has); without one: known (of a catalogue id, what the catalogue knows)]:POLICY:(exact additions any known)'
  )
  [[ $cmd == (install|patch|bundle|run|lock|check|hook|cdi) ]] && args+=(
    '--timeout=[give up downloading after DURATION]:DURATION: '
  )
  [[ $cmd == (install|patch|bundle|run|lock|hook|cdi) ]] && args+=(
    '--distrusted=[CAs that the lists of distrusted ones block: skip, keep or fail]:DISTRUSTED:(skip keep fail)'
  )
  [[ $cmd == (install|patch|bundle|run|verify|lock|check|hook|cdi) ]] && args+=(
    '--source-password-file=[the password of a PKCS#12 or JKS source is in FILE, where it is not the usual one]:FILE:_files'
    '--cache=[keep downloads in DIR, such as a BuildKit cache mount]:DIR:_directories'
    '*--download-ca=[trust the CAs in FILE for downloads too, such as a proxy'\''s]:FILE:_files'
    '--insecure[allow http URLs, which anyone on the way can change]'
    '--no-fallback[fail when a download fails, instead of using cache or snapshot]'
    '--offline[use cache and snapshots, do not touch the network]'
  )
  [[ $cmd == (install|remove|bundle|run|lock|cdi) ]] && args+=(
    '*:source:_certgraft_sources'
  )
  [[ $cmd == (install|remove|distrust) ]] && args+=(
    '--dry-run[change nothing and count what would change; --verbose names each file]'
    '--fsync=[survive a power failure, not only kill -9: auto (on / outside a container), always or never]:FSYNC:(auto always never)'
    '--hooks=[hooks of the distribution'\''s own tool on the running root: auto or none]:HOOKS:(auto none)'
    '--lock-timeout=[wait for another certgraft on the same root for DURATION]:DURATION: '
    '--root=[edit the root file system in DIR]:DIR:_directories'
    '--user[on a Mac: the login keychain in place of the system'\''s]'
  )
  [[ $cmd == (install|remove|distrust|inspect|verify|diff|check) ]] && args+=(
    '--java-password-file=[the password of Java trust stores is in FILE, where it is not the usual one]:FILE:_files'
  )
  [[ $cmd == (install|remove|distrust|patch|bundle|run|env|inspect|list|verify|lock|diff|check|hook|cdi|completion|version) ]] && args+=(
    '(-h --help)'{-h,--help}'[show help]'
    '--json[write the result as JSON]'
    '(-q --quiet)'{-q,--quiet}'[write no report, only errors]'
    '--verbose[say each step on standard error]'
  )
  [[ $cmd == (install|remove|distrust|patch|bundle|run|list|verify|lock|check|hook|cdi) ]] && args+=(
    '--catalog=[also know the providers in FILE]:FILE:_files'
  )
  [[ $cmd == (list) ]] && args+=(
    '--search=[only providers that have each of WORDS somewhere in their entry, the best first]:WORDS: '
    '1:id:_certgraft_sources'
  )
  [[ $cmd == (lock) ]] && args+=(
    '--check[change nothing, and say what has changed since; exit status 5 if anything has]'
    '--lock=[the lock is FILE]:FILE:_files'
    '--update[write down what the locked sources hold now]'
    '--within=[with --check: name what expires within DAYS]:DAYS: '
  )
  [[ $cmd == (patch) ]] && args+=(
    '--dry-run[write nothing and count what would change; --verbose names each file]'
    '--from-file=[patch the images in FILE, a line for each: IMAGE and where to write it]:FILE:_files'
    '--override-blocklist[install certificates that the image has deselected]'
    '*--env=[environment in the config: auto (what runtimes in the image need to see the system'\''s CAs), none, or KEY=VALUE]:KEY=VALUE:(auto none)'
    '--print-plan[say which layers would be read and why, and do nothing]'
    '1:image:_certgraft_images' '*:source:_certgraft_sources'
  )
  [[ $cmd == (remove) ]] && args+=(
    '--all[take out everything that certgraft installed]'
    '--from-file=[take it out of the images in FILE, a line for each: IMAGE and where to write it]:FILE:_files'
  )
  [[ $cmd == (remove|distrust) ]] && args+=(
    '--image=[edit the image IMAGE in place of a root, and write it to --tag]:IMAGE: '
  )
  [[ $cmd == (remove|distrust|inspect|diff) ]] && args+=(
    '--cache=[keep what is known of layers in DIR]:DIR:_directories'
  )
  [[ $cmd == (remove|distrust|patch) ]] && args+=(
    '--in-place[write the image to where it came from]'
    '*'{-t,--tag}'=[write the image to IMAGE; may be given often]:IMAGE: '
    '*--annotation=[set the annotation KEY=VALUE in OCI manifests and indexes]:KEY=VALUE: '
    '--cache-repo=[keep what is known of layers in REGISTRY/REPOSITORY too, for runners that start empty]:REGISTRY/REPOSITORY: '
    '--jobs=[move N layers at a time]:N: '
    '--keep-attestations[keep attestations, although they describe the unpatched image]'
    '--keep-other-platforms[with --platform: keep the others as they are]'
    '*--label=[set the label KEY=VALUE in the config]:KEY=VALUE: '
    '--layer=[append puts what changes on top as a layer; rewrite puts it into the layers that hold it, without adding a layer]:LAYER:(append rewrite)'
    '--max-layer-size=[read layers that unpack to up to BYTES]:BYTES: '
    '*--platform=[patch only the images for OS/ARCH(/VARIANT) and drop the others]:OS/ARCH:(linux/amd64 linux/arm64 linux/arm/v7 linux/ppc64le linux/s390x linux/riscv64)'
    '--require-full-scan[fail if a layer was not read]'
    '--scan=[auto does not read layers that only copy to a place without trust stores; all reads everything]:SCAN:(auto all)'
    '--metadata-file=[write the result as JSON to FILE as well]:FILE:_files'
  )
  [[ $cmd == (remove|distrust|patch|inspect|verify|diff|check) ]] && args+=(
    '--shard=[with --from-file: take part I/N of the list, I from 0 to N-1]:I/N: '
    '*--insecure-registry=[speak plain http to HOST(:PORT) where it has no TLS]:HOST: '
    '*--registry-ca=[trust the CAs in FILE for registries too]:FILE:_files'
  )
  [[ $cmd == (run) ]] && args+=(
    '--in-root[put the CAs into the system'\''s own stores while the command runs, and take them out afterwards]'
    '--mode=[how the command finds the CAs: env (variables), in-root (the system'\''s own stores) or auto (as --in-root: there, unless an image would keep a trace)]:MODE:(env in-root auto)'
    '--optional[leave out files that do not exist or are empty; without any source the command runs as it is]'
  )
  [[ $cmd == (verify) ]] && args+=(
    '*--as=[have the reader ID decide, ID/RELEASE for a release of it, all for every one that is found (default: openssl)]:ID:(openssl gnutls go python requests httpx curl wget git node node-debian deno rustls bun java erlang erlang-https ruby php libpq pgjdbc nss all)'
    '--from-file=[trust, one after the other, what each image trusts in FILE, a line for each: IMAGE, or as for patch IMAGE DESTINATION, of which the latter counts]:FILE:_files'
    '--image=[trust what the image IMAGE trusts]:IMAGE: '
    '--java=[trust what the Java trust store in FILE trusts]:FILE:_files'
    '--only[trust nothing but what --with names]'
    '--root=[trust what the root file system in DIR trusts]:DIR:_directories'
    '*--with=[trust the certificates of SOURCE too, as if they were installed]:SOURCE:_files'
    '(-4 --ipv4)'{-4,--ipv4}'[use IPv4 only]'
    '(-6 --ipv6)'{-6,--ipv6}'[use IPv6 only]'
    '--proxy=[have the HTTP proxy at URL connect; none for none (default: of the environment, for https)]:URL:(none)'
    '--servername=[ask for NAME, and have the certificate be for it]:NAME: '
    '--starttls=[speak PROTOCOL, tls for TLS at once: tls, postgres, postgres-direct, mysql, mssql, mssql-strict, mongodb, redis, kafka, neo4j, amqp, smtp, smtps, imap, imaps, pop3, pop3s, ldap, ldaps, ftp, ftps, xmpp, xmpp-server, nats, mqtts]:PROTOCOL:(tls postgres postgres-direct mysql mssql mssql-strict mongodb redis kafka neo4j amqp smtp smtps imap imaps pop3 pop3s ldap ldaps ftp ftps xmpp xmpp-server nats mqtts)'
    '--timeout=[give the server up after DURATION]:DURATION: '
    '--save-chain=[write what the server sent to FILE, to look at, not to install]:FILE:_files'
    '1:server:_hosts'
  )
  _arguments -S $args
}
if [[ $funcstack[1] == _certgraft ]]; then
  _certgraft "$@"
else
  compdef _certgraft certgraft
fi
