<?php
// Connects to every server of /opt/cases.txt with a stream.
$words = [];
set_error_handler(function ($level, $text) use (&$words) { $words[] = $text; return true; });
foreach (file("/opt/cases.txt") as $line) {
    [$id, $host, $port] = explode(" ", trim($line));
    $words = [];
    $stream = stream_socket_client("ssl://$host:$port", $number, $text, 20);
    $said = $stream ? "hello" : preg_replace('/\s+/', " ", implode(" ", $words));
    echo "$id\t$said\n";
}
