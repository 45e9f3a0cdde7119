#ifndef WAYBILL_SERVICES_DESPOOLER_PLACEMENT_H_
#define WAYBILL_SERVICES_DESPOOLER_PLACEMENT_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

#include "common/content/digest.h"

/// Where copies go. Pure: free space and what stands already are arguments.
namespace waybill::despooler {

/// An SMS_PKGx share of a server: drive letter ("c") and directory.
struct ShareDirectory {
  std::string drive;
  std::string directory;
};

/// A place that could hold a tree.
struct Candidate {
  std::int64_t free_bytes = 0;
  bool holds_version = false;  ///< A directory of the version's name stands there, good or not.
  bool holds_package = false;  ///< Some version of the package stands there.
};

/// Disk space that a tree takes: its bytes, and a block for each entry, because file systems give
/// out whole blocks and keep directories and inodes in them.
std::int64_t TreeBytesNeeded(std::int64_t plain_bytes, std::int64_t entry_count);

/// The candidate that gets a tree of `needed_bytes`, as an index:
///
///   1. one that holds the version: it is verified or repaired there, never doubled;
///   2. one that holds the package, if the tree fits;
///   3. the one with the most free space, if the tree fits.
///
/// "Fits" leaves `reserve_bytes` free. Of equals the first. RESOURCE_EXHAUSTED with the reason
/// INSUFFICIENT_SPACE, needed bytes (reserve included) and those available where there are most,
/// and `what` they are on; NOT_FOUND without candidates.
absl::StatusOr<std::size_t> ChoosePlace(const std::vector<Candidate>& candidates,
                                        std::int64_t needed_bytes, std::int64_t reserve_bytes,
                                        absl::string_view what);

// Names on a share, SMS_PKGC/CEN00001/0123456789abcdef and beside it. ---------------------------

/// "SMS_PKGC/CEN00001" for drive "c".
std::string PackagePath(absl::string_view drive, absl::string_view package_id);

/// "0123456789abcdef.manifest"
std::string ManifestName(const content::Digest& version);

/// ".0123456789abcdef.CEN00042.7.tmp": one attempt's. Whoever has the claim on server and package
/// may remove any other name that IsTemporaryName.
std::string TemporaryCopyName(const content::Digest& version, absl::string_view job_id,
                              std::int64_t fence);
bool IsTemporaryName(absl::string_view name);

/// The version's directory as workstations see it: the share's directory, then the names above.
std::string VersionDirectory(absl::string_view share_directory, absl::string_view drive,
                             absl::string_view package_id, const content::Digest& version);

/// The opposite: the share's directory. INVALID_ARGUMENT if `version_directory` was not made of
/// these parts: a row that somebody else wrote must not make us remove something else.
absl::StatusOr<std::string> ShareDirectoryOf(absl::string_view version_directory,
                                             absl::string_view drive, absl::string_view package_id,
                                             const content::Digest& version);

}  // namespace waybill::despooler

#endif  // WAYBILL_SERVICES_DESPOOLER_PLACEMENT_H_
