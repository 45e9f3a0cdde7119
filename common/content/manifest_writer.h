#ifndef WAYBILL_COMMON_CONTENT_MANIFEST_WRITER_H_
#define WAYBILL_COMMON_CONTENT_MANIFEST_WRITER_H_

#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

#include "common/content/byte_stream.h"
#include "common/content/chunk_list.h"
#include "common/content/digest.h"
#include "common/content/manifest.h"
#include "common/content/tree_rules.h"

namespace waybill::content {

/// Writes a manifest entry by entry. Refuses, with INVALID_ARGUMENT, whatever ManifestReader would
/// refuse, so what it finishes is good. After any error it is of no more use. One thread at a time.
class ManifestWriter {
 public:
  struct Result {
    Digest version;
    uint64_t manifest_bytes = 0;
    ManifestTotals totals;
  };

  /// `sink` outlives the writer.
  ManifestWriter(ByteSink& sink, absl::string_view package_id);

  /// The next entry in the order of ComparePaths. A file with bytes is followed by its chunks.
  absl::Status AddEntry(const Entry& entry);

  /// The next chunk of the file that was added last. Tells its place in chunks().
  absl::StatusOr<ChunkList::Added> AddChunk(const Chunk& chunk);

  /// Behind all entries.
  absl::Status AddSkipped(const SkippedEntry& skipped);

  /// Writes the trailer. INVALID_ARGUMENT for links that loop or leave the tree.
  absl::StatusOr<Result> Finish();

  const ChunkList& chunks() const { return chunks_; }

 private:
  absl::Status WriteStart();
  absl::Status WriteRecord(uint8_t type, absl::string_view body);
  absl::Status WriteBytes(absl::string_view bytes);
  absl::Status FlushChunks();

  BufferedSink sink_;
  const std::string package_id_;
  TreeRules rules_;
  ChunkList chunks_;
  Sha256 hasher_;
  uint64_t bytes_written_ = 0;
  uint64_t skipped_count_ = 0;
  bool started_ = false;
  std::string body_;
  std::string pending_chunks_;
};

}  // namespace waybill::content

#endif  // WAYBILL_COMMON_CONTENT_MANIFEST_WRITER_H_
