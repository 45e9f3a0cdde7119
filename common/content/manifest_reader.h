#ifndef WAYBILL_COMMON_CONTENT_MANIFEST_READER_H_
#define WAYBILL_COMMON_CONTENT_MANIFEST_READER_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

#include "common/content/byte_stream.h"
#include "common/content/chunk_list.h"
#include "common/content/digest.h"
#include "common/content/manifest.h"
#include "common/content/tree_rules.h"

namespace waybill::content {

/// Reads a manifest entry by entry in bounded memory: one record, the directories above the
/// current entry, and all links (kLinkBytesMax).
///
///     ManifestReader reader(source);
///     Entry entry;
///     for (;;) {
///       WAYBILL_ASSIGN_OR_RETURN(const bool more, reader.Next(entry));
///       if (!more) break;                      // All is checked now.
///       ... NextChunk(chunk) for a file ...
///     }
///
/// Nothing is normalised: a manifest that passes, written again, has the same bytes. Some rules
/// (links, totals, nothing behind the trailer) can only be checked at the end, so nothing read is
/// to be relied on before Next returned false; see IndexManifest.
///
/// Errors, all final: INVALID_ARGUMENT for bytes that break a rule or limit, with the path;
/// DATA_LOSS for bytes that end early; UNIMPLEMENTED for another format number; the source's own.
/// Used by one thread at a time.
class ManifestReader {
 public:
  /// `source` starts at the first byte and outlives the reader. Only with `chunks` (empty, outlives
  /// the reader too) are unique chunks collected and their number and lengths checked.
  explicit ManifestReader(ByteSource& source, ChunkList* chunks = nullptr);

  /// Reads the next entry into `entry`; chunks of the last one that were not asked for are read
  /// over. Returns false behind the last entry of a manifest that is good to the last byte.
  absl::StatusOr<bool> Next(Entry& entry);

  /// The next chunk of the file that Next returned last; false when the file is complete.
  absl::StatusOr<bool> NextChunk(Chunk& chunk);

  /// Known from the first Next on.
  const std::string& package_id() const { return package_id_; }

  /// Known once Next returned false.
  const Digest& version() const { return version_; }
  uint64_t manifest_bytes() const { return bytes_read_; }
  const ManifestTotals& totals() const { return totals_; }
  const std::vector<SkippedEntry>& skipped() const { return skipped_; }

 private:
  absl::StatusOr<bool> NextUnlatched(Entry& entry);
  absl::Status ReadStart();
  absl::Status ReadRecord();  // Into type_ and body_.
  absl::Status ReadBytes(char* data, size_t size);
  absl::Status Fill();
  absl::Status ReadChunksRecord();
  absl::Status ReadSkipped();
  absl::Status ReadTrailer();

  ByteSource& source_;
  ChunkList* const chunks_;
  TreeRules rules_;
  Sha256 hasher_;
  uint64_t bytes_read_ = 0;
  std::string buffer_;
  size_t buffer_at_ = 0;
  size_t buffer_end_ = 0;

  absl::Status failed_;
  bool started_ = false;
  bool finished_ = false;
  uint8_t type_ = 0;
  std::string body_;
  std::string package_id_;
  absl::string_view chunks_rest_;  // In body_: the chunks of the current record still to hand out.
  ManifestTotals totals_;
  std::vector<SkippedEntry> skipped_;
  Digest version_;
};

}  // namespace waybill::content

#endif  // WAYBILL_COMMON_CONTENT_MANIFEST_READER_H_
