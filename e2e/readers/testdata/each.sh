# each.sh COMMAND runs COMMAND for every server of /opt/cases.txt, with $host and $port. A server is
# trusted where COMMAND prints hello.
while read -r id host port; do
	export id host port
	said=$(timeout 20 sh -c "$1" </dev/null 2>&1 | tr '\000\t\n' '   ')
	case $said in *hello*) said=hello ;; esac
	printf '%s\t%s\n' "$id" "$said"
done </opt/cases.txt
