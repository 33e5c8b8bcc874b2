#!/usr/bin/env bash
# Builds every image and prints what a node pulls of each beside its budget. Settings: those of build-image.sh.
set -euo pipefail
cd "$(dirname "$0")/.."
# In MB; tests/images holds the images to the same.
declare -A budget=([auth]=100 [orders]=100 [notifier]=110 [sandbox]=100 [e2e]=150)
names=(auth orders notifier sandbox e2e)

for name in "${names[@]}"; do
  tools/build-image.sh "$name"
done
builder=${WAYBILL_IMAGE_BUILDER:-$(command -v podman || command -v docker)}
[ "$builder" != cluster ] || builder=podman
read -ra builder <<<"$builder"
version=$(sed -n 's/^version = "\(.*\)"/\1/p' pyproject.toml)
failed=0
printf '%-24s %10s %10s %10s\n' image 'pulled MB' 'budget MB' 'on disk MB'
for name in "${names[@]}"; do
  image=waybill/$name:$version
  # A registry holds layers compressed, which is what a node fetches.
  pulled=$(("$("${builder[@]}" save "$image" 2>/dev/null | gzip | wc -c)" / 1000000))
  disk=$(("$("${builder[@]}" image inspect --format '{{.Size}}' "$image")" / 1000000))
  printf '%-24s %10d %10d %10d\n' "$image" "$pulled" "${budget[$name]}" "$disk"
  [ "$pulled" -le "${budget[$name]}" ] || failed=1
done
[ "$failed" = 0 ] || echo "error: an image is larger than its budget" >&2
exit "$failed"
