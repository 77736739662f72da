"""Connects to every server of /opt/cases.txt; argv[1] says with which library. PASTED is a statement about the context."""
import os
import socket
import ssl
import sys


def by_ssl():
    context = ssl.create_default_context()
    exec(os.environ.get("PASTED", ""))

    def connect(host, port):
        with socket.create_connection((host, port), 20) as plain:
            with context.wrap_socket(plain, server_hostname=host):
                pass
    return connect


def by_requests():
    import requests
    return lambda host, port: requests.get(f"https://{host}:{port}/", timeout=20)


def by_httpx():
    import httpx
    return lambda host, port: httpx.get(f"https://{host}:{port}/", timeout=20)


connect = {"ssl": by_ssl, "requests": by_requests, "httpx": by_httpx}[sys.argv[1]]()
for line in open("/opt/cases.txt"):
    case, host, port = line.split()
    try:
        connect(host, int(port))
        print(case, "hello", sep="\t")
    except Exception as e:
        print(case, repr(e).replace("\t", " "), sep="\t")
