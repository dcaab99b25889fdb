#!/usr/bin/env bash
# The risks of a chart, by curl. TOKEN: an access token, where the server asks for one.
#   assess.sh [BASE] [CHART]
set -euo pipefail
here=$(dirname "$0")
base=${1:-http://127.0.0.1:8080}
chart=${2:-$here/chart.json}

{
    printf '{"resourceType":"Parameters","parameter":[{"name":"as-of","valueDate":"2019-12-31"},{"name":"chart","resource":'
    cat "$chart"
    printf '}]}'
} | curl --silent --show-error --fail-with-body "$base/fhir/\$assess-risk" \
    --header 'Content-Type: application/fhir+json' \
    ${TOKEN:+--header "Authorization: Bearer $TOKEN"} \
    --data-binary @-
