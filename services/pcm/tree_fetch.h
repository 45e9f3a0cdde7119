#ifndef WAYBILL_SERVICES_PCM_TREE_FETCH_H_
#define WAYBILL_SERVICES_PCM_TREE_FETCH_H_

#include <cstdint>
#include <functional>

#include "absl/status/statusor.h"

#include "common/content/manifest.h"
#include "common/tree/directory.h"
#include "services/pcm/package_source.h"

namespace waybill::pcm {

struct FetchCounts {
  std::uint64_t kept_bytes = 0;     ///< Stood in the destination, with the right digest.
  std::uint64_t fetched_bytes = 0;  ///< Came from the source.
};

/// Copies the tree of `manifest` from `source` to `destination`, checking every chunk's digest
/// before it is written. What an earlier call left in `destination` is looked at the same way and
/// kept where it is good, so a broken fetch goes on where it was, from whatever source.
/// Neighbouring chunks that are lacking are asked for at once, at most 1024 of them (some 128 MiB).
///
/// DATA_LOSS names the file of which the source has other bytes; CANCELLED; errors of
/// ManifestReader, tree::Directory and the source. After an error what was fetched stands. The
/// bytes of `manifest` must not change meanwhile. About one chunk of memory, and all links.
absl::StatusOr<FetchCounts> FetchTree(const content::Manifest& manifest, PackageSource& source,
                                      const tree::Directory& destination,
                                      const std::function<bool()>& cancelled);

}  // namespace waybill::pcm

#endif  // WAYBILL_SERVICES_PCM_TREE_FETCH_H_
