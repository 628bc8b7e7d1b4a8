#!/bin/sh
# RUSTC_WRAPPER of `cargo fuzz`: only what reads what callers send has libFuzzer's counters. In the rest they would lead it
# to nothing but new ways through the SDK, which takes long to compile with them, in the one codegen unit that they want.
rustc=$1
shift
case " $* " in
*" --crate-name ec2_control_api"* | *" --crate-name lambda_http "* | *" --crate-name aws_lambda_events "* | \
    *" --crate-name query_map "* | *" --crate-name serde_json "* | *" --crate-name form_urlencoded "* | \
    *" --crate-name percent_encoding "* | *" --crate-name cedar_policy"* | *" --crate-name base64 "*) ;;
*)
    for flag; do
        shift
        case $flag in
        -Cpasses=sancov-module | -Cllvm-args=* | -Ccodegen-units=1) ;;
        *) set -- "$@" "$flag" ;;
        esac
    done
    ;;
esac
exec "$rustc" "$@"
