#ifndef WAYBILL_COMMON_CONTENT_IMPORT_SCAN_H_
#define WAYBILL_COMMON_CONTENT_IMPORT_SCAN_H_

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "absl/container/flat_hash_set.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

#include "common/content/manifest.h"
#include "common/tree/directory.h"

namespace waybill::content {

/// What an import will meet: the first of its two walks, which reads no file. Holds only what is
/// wrong with the source, not its entries.
struct SourceScan {
  uint64_t file_count = 0;
  uint64_t plain_bytes = 0;
  /// In the order of a walk. What stands beneath an unsafe directory is not listed by itself.
  std::vector<SkippedEntry> unsafe;
  absl::flat_hash_set<std::string> unsafe_paths;  ///< The same, as they are on the disk.
  std::vector<std::string> special_mode_paths;    ///< Escaped, at most kSkippedMax.
  uint64_t special_mode_count = 0;

  bool IsUnsafe(absl::string_view path) const { return unsafe_paths.contains(path); }
};

/// INVALID_ARGUMENT with more unsafe entries than kSkippedMax, CANCELLED, and the errors of
/// tree::Directory::Walk.
absl::StatusOr<SourceScan> ScanSource(const tree::Directory& source,
                                      const std::function<bool()>& cancelled);

/// INVALID_ARGUMENT "unsafe_source" with the entries, as many as a message can carry.
absl::Status UnsafeSourceError(const std::vector<SkippedEntry>& unsafe);

/// Whether `path` is `directory` or stands beneath it.
bool IsAtOrBeneath(absl::string_view path, absl::string_view directory);

}  // namespace waybill::content

#endif  // WAYBILL_COMMON_CONTENT_IMPORT_SCAN_H_
