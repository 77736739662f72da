# certgraft's own image: the binary and nothing else. Build the binary first: make build
FROM scratch
COPY build/certgraft /certgraft
ENTRYPOINT ["/certgraft"]
