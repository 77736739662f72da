#!/usr/bin/env escript
%% Connects to every server of /opt/cases.txt with ssl; an argument is one option more.
main(Args) ->
    {ok, _} = application:ensure_all_started(ssl),
    logger:set_primary_config(level, none),
    {ok, Text} = file:read_file("/opt/cases.txt"),
    Match = case Args of
        [Option] -> [value(Option)];
        [] -> []
    end,
    Options = [{verify, verify_peer}, {cacerts, public_key:cacerts_get()} | Match],
    [try_one(string:lexemes(Line, " "), Options) || Line <- string:lexemes(binary_to_list(Text), "\n")].

value(Text) ->
    {ok, Tokens, _} = erl_scan:string(Text ++ "."),
    {ok, Expressions} = erl_parse:parse_exprs(Tokens),
    {value, Value, _} = erl_eval:exprs(Expressions, []),
    Value.

try_one([Id, Host, Port], Options) ->
    Where = case inet:parse_address(Host) of {ok, IP} -> IP; _ -> Host end,
    Said = case ssl:connect(Where, list_to_integer(Port), Options, 20000) of
        {ok, Socket} -> ssl:close(Socket), "hello";
        {error, Reason} -> lists:flatten(io_lib:format("~0p", [Reason]))
    end,
    io:format("~s\t~s~n", [Id, [case C of $\t -> $\s; $\n -> $\s; _ -> C end || C <- Said]]).
