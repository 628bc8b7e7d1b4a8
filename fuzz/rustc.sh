#!/bin/sh
# RUSTC_WRAPPER of `cargo fuzz`: instruments only the crates that read input. Coverage of the SDK
# would distract the fuzzer, and instrumented code compiles slowly, in a single codegen unit.
rustc=$1
shift
case " $* " in
*" --crate-name ec2_control_api"* | *" --crate-name lambda_http "* | *" --crate-name aws_lambda_events "* | \
    *" --crate-name query_map "* | *" --crate-name serde_json "* | *" --crate-name form_urlencoded "* | \
    *" --crate-name percent_encoding "* | *" --crate-name cedar_policy"* | *" --crate-name base64 "* | \
    *" --crate-name quick_xml "*) ;;
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
