#ifndef WAYBILL_COMMON_CONTENT_MANIFEST_H_
#define WAYBILL_COMMON_CONTENT_MANIFEST_H_

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"

#include "common/content/byte_stream.h"
#include "common/content/chunk_list.h"
#include "common/content/digest.h"
#include "common/tree/file.h"

/// A manifest is the list of what a package version holds. Its bytes are stored, sent and signed as
/// they are; their SHA-256 is the version.
///
/// The format, number 1. Integers are little-endian and of fixed size, so every manifest has one
/// spelling. A manifest is these 12 bytes, then records up to and including the trailer, then
/// nothing:
///
///     8  magic "WBMANIF\n"
///     4  format number, 1
///
/// A record is `u32 length of the body`, `u8 type`, body; at most kManifestRecordBytesMax.
///
///     1 header      package id (8 of A-Z 0-9)                        the first record, once
///     2 directory   time, path
///     3 file        time, u8 executable (0 or 1), u64 plain bytes, path
///     4 link        time, u16 length of the path, path, target
///     5 chunks      (digest 32, u32 plain bytes) x n
///     6 left out    u8 reason, the path as printable ASCII           behind all entries
///     7 trailer     u64 entries, u64 files, u64 plain bytes, u64 chunk references,
///                   u64 unique chunks, u64 left out, content digest 32
///
/// `time` is `u64 seconds since 1970, u32 nanoseconds`. Chunks records follow their file until its
/// plain bytes are complete (none for an empty file); each but the last holds kChunksPerRecord;
/// each chunk but a file's last has at least kChunkBytesMin bytes.
///
/// Entries stand in the order of ComparePaths, each behind its parent directory; the root is not
/// an entry. Names pass tree::CheckRelativePath, targets tree::CheckLinkTarget and CheckLinks.
/// What the format cannot say does not exist: hard links, devices, owners, other mode bits,
/// attributes, holes.
///
/// The content digest says what a version is, apart from times and the package: SHA-256 of
/// "waybill/content/v1\n" and, for each entry, `u8 type, u32 length, path` and for a file
/// `u8 executable, u64 plain bytes, its chunk digests`, for a link `u32 length, target`.
namespace waybill::content {

inline constexpr uint32_t kManifestFormat = 1;

enum class EntryType : uint8_t { kDirectory = 2, kFile = 3, kLink = 4 };

/// One directory, file or link. `path` is relative to the tree's root.
struct Entry {
  EntryType type = EntryType::kDirectory;
  std::string path;
  absl::Time modified_time = absl::UnixEpoch();  ///< Whole nanoseconds, not before 1970.
  bool executable = false;                       ///< Files only.
  uint64_t plain_bytes = 0;                      ///< Files only.
  std::string link_target;                       ///< Links only.

  friend bool operator==(const Entry&, const Entry&) = default;
};

enum class SkipReason : uint8_t {
  kName = 1,     ///< A name that CheckRelativePath refuses, or a tree too deep.
  kSpecial = 2,  ///< A device, fifo or socket.
  kLink = 3,     ///< A link that leaves the tree or loops.
  kTime = 4,     ///< A modification time before 1970 or behind the year 9998.
};

/// "name", "special", "link" or "time".
absl::string_view SkipReasonName(SkipReason reason);

/// What an import with `skip_unsafe` left out. A directory stands for all beneath it.
struct SkippedEntry {
  SkipReason reason = SkipReason::kName;
  std::string escaped_path;  ///< tree::Escaped: printable ASCII, quoted.

  friend bool operator==(const SkippedEntry&, const SkippedEntry&) = default;
};

struct ManifestTotals {
  uint64_t entry_count = 0;  ///< Directories, files and links.
  uint64_t file_count = 0;
  uint64_t plain_bytes = 0;
  uint64_t chunk_count = 0;  ///< References, a repeated chunk each time.
  uint64_t unique_chunk_count = 0;
  uint64_t skipped_count = 0;
  Digest content_digest;

  friend bool operator==(const ManifestTotals&, const ManifestTotals&) = default;
};

/// Bytewise, but '/' before all other bytes: the order in which a walk with sorted names meets
/// them, so that neither side holds the tree in memory. Negative, 0 or positive.
int ComparePaths(absl::string_view a, absl::string_view b);

/// INVALID_ARGUMENT unless 8 characters of A-Z and 0-9.
absl::Status CheckPackageId(absl::string_view package_id);

/// A manifest's bytes, wherever they stand, not yet checked. Copies share them. Thread-safe.
class Manifest {
 public:
  static Manifest FromString(std::string bytes);
  static Manifest FromFile(std::shared_ptr<const tree::File> file);

  /// Reads from the first byte. Sources are independent and keep the bytes alive.
  std::unique_ptr<ByteSource> NewSource() const;

  absl::StatusOr<uint64_t> SizeBytes() const;

 private:
  std::shared_ptr<const std::string> bytes_;  // One of the two.
  std::shared_ptr<const tree::File> file_;
};

/// What a whole, good manifest says, apart from its entries.
struct ManifestIndex {
  Digest version;
  uint64_t manifest_bytes = 0;
  std::string package_id;
  ManifestTotals totals;
  std::vector<SkippedEntry> skipped;
  ChunkList chunks;
};

/// Reads a manifest from the first byte to the last with every check there is. The way to look at
/// one that somebody sent, before anything is done with it. Errors as ManifestReader.
absl::StatusOr<ManifestIndex> IndexManifest(const Manifest& manifest);

}  // namespace waybill::content

#endif  // WAYBILL_COMMON_CONTENT_MANIFEST_H_
