#ifndef WAYBILL_COMMON_CONTENT_IMPORT_READER_H_
#define WAYBILL_COMMON_CONTENT_IMPORT_READER_H_

#include <cstdint>
#include <functional>
#include <string>

#include "absl/status/status.h"

#include "common/content/import_batch.h"
#include "common/content/import_scan.h"
#include "common/tree/directory.h"

namespace waybill::content {

/// The first stage of an import: walks the source, reads files into batches and cuts them into
/// chunks. One thread.
class SourceReader {
 public:
  /// All outlive the reader.
  SourceReader(const SourceScan& scan, const std::function<bool()>& cancelled, BatchBelt& belt)
      : scan_(scan), cancelled_(cancelled), belt_(belt) {}

  /// Puts the whole tree on the belt and closes its input; an error goes onto the belt.
  void Run(const tree::Directory& source);

 private:
  absl::Status Visit(const tree::Directory& parent, const std::string& path,
                     const tree::Entry& found);
  absl::Status AddFile(const tree::Directory& parent, Entry entry, const tree::Entry& found);
  absl::Status ReadChunks(const tree::File& file, const std::string& path, uint64_t size);
  // Reads at `offset` of the file, cuts what was read, and tells how much of the file is cut.
  absl::Status FillBatch(const tree::File& file, const std::string& path, uint64_t size,
                         uint64_t& offset);
  absl::Status EnsureRoom(size_t bytes);
  void Submit();

  const SourceScan& scan_;
  const std::function<bool()>& cancelled_;
  BatchBelt& belt_;
  Batch* batch_ = nullptr;
  std::string skipped_directory_;
};

}  // namespace waybill::content

#endif  // WAYBILL_COMMON_CONTENT_IMPORT_READER_H_
