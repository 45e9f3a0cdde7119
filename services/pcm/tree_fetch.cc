#include "services/pcm/tree_fetch.h"

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"

#include "common/content/byte_stream.h"
#include "common/content/chunk_list.h"
#include "common/content/digest.h"
#include "common/content/limits.h"
#include "common/content/manifest.h"
#include "common/content/manifest_reader.h"
#include "common/status/status_macros.h"
#include "common/tree/directory.h"
#include "common/tree/file.h"
#include "common/tree/path.h"

namespace waybill::pcm {
namespace {

bool Holds(absl::Span<const char> bytes, const content::Digest& digest) {
  return content::Sha256::Of({bytes.data(), bytes.size()}) == digest;
}

class Fetcher {
 public:
  Fetcher(const content::Manifest& manifest, const tree::Directory& source,
          const tree::Directory& destination, const std::function<bool()>& cancelled)
      : manifest_(manifest), source_(source), destination_(destination), cancelled_(cancelled) {}

  absl::StatusOr<FetchCounts> Run() {
    const std::unique_ptr<content::ByteSource> bytes = manifest_.NewSource();
    content::ManifestReader reader(*bytes);
    content::Entry entry;
    for (;;) {
      WAYBILL_ASSIGN_OR_RETURN(const bool more, reader.Next(entry));
      if (!more) break;
      WAYBILL_RETURN_IF_ERROR(FetchEntry(reader, entry));
    }
    WAYBILL_RETURN_IF_ERROR(MakeLinks());
    WAYBILL_RETURN_IF_ERROR(SetDirectoryTimes());
    return counts_;
  }

 private:
  absl::Status FetchEntry(content::ManifestReader& reader, const content::Entry& entry) {
    if (cancelled_()) return absl::CancelledError("the fetch was cancelled");
    switch (entry.type) {
      case content::EntryType::kDirectory:
        return destination_.MakeDirectories(entry.path).status();
      case content::EntryType::kFile:
        return FetchFile(reader, entry);
      case content::EntryType::kLink:
        links_.push_back(entry);
        break;
    }
    return absl::OkStatus();
  }

  absl::Status FetchFile(content::ManifestReader& reader, const content::Entry& entry) {
    WAYBILL_ASSIGN_OR_RETURN(tree::File file, destination_.OpenOrCreate(entry.path));
    WAYBILL_ASSIGN_OR_RETURN(const std::int64_t standing, file.Size());
    source_file_.reset();
    std::int64_t offset = 0;
    content::Chunk chunk;
    for (;;) {
      WAYBILL_ASSIGN_OR_RETURN(const bool more, reader.NextChunk(chunk));
      if (!more) break;
      if (cancelled_()) return absl::CancelledError("the fetch was cancelled");
      WAYBILL_RETURN_IF_ERROR(FetchChunk(entry, chunk, offset, standing, file));
      offset += chunk.plain_bytes;
    }
    if (standing > offset) WAYBILL_RETURN_IF_ERROR(file.Truncate(offset));
    WAYBILL_RETURN_IF_ERROR(file.SetMode(entry.executable ? 0755 : 0644));
    return file.SetModifiedTime(entry.modified_time);
  }

  // One chunk at `offset` of a file of which the first `standing` bytes were there before.
  absl::Status FetchChunk(const content::Entry& entry, const content::Chunk& chunk,
                          std::int64_t offset, std::int64_t standing, tree::File& file) {
    const absl::Span<char> bytes = absl::MakeSpan(buffer_).subspan(0, chunk.plain_bytes);
    if (offset + static_cast<std::int64_t>(bytes.size()) <= standing) {
      WAYBILL_RETURN_IF_ERROR(file.ReadFull(offset, bytes));
      if (Holds(bytes, chunk.digest)) {
        counts_.kept_bytes += bytes.size();
        return absl::OkStatus();
      }
    }
    if (!source_file_.has_value()) {
      WAYBILL_ASSIGN_OR_RETURN(tree::File opened, source_.OpenFile(entry.path));
      source_file_ = std::move(opened);
    }
    WAYBILL_RETURN_IF_ERROR(source_file_->ReadFull(offset, bytes));
    if (!Holds(bytes, chunk.digest)) {
      return absl::DataLossError(
          absl::StrCat("file ", tree::Escaped(entry.path), ": other bytes at ", offset));
    }
    counts_.fetched_bytes += bytes.size();
    return file.WriteFull(offset, {bytes.data(), bytes.size()});
  }

  // Last, so that no path of the tree leads through one while files are made.
  absl::Status MakeLinks() {
    for (const content::Entry& link : links_) {
      const absl::Status removed = destination_.Remove(link.path);
      if (!removed.ok() && !absl::IsNotFound(removed)) return removed;
      WAYBILL_RETURN_IF_ERROR(destination_.MakeLink(link.path, link.link_target));
      WAYBILL_RETURN_IF_ERROR(destination_.SetModifiedTime(link.path, link.modified_time));
    }
    return absl::OkStatus();
  }

  // When everything in them stands. A directory comes before its content, whose times are set by
  // name and do not touch it.
  absl::Status SetDirectoryTimes() {
    const std::unique_ptr<content::ByteSource> bytes = manifest_.NewSource();
    content::ManifestReader reader(*bytes);
    content::Entry entry;
    for (;;) {
      WAYBILL_ASSIGN_OR_RETURN(const bool more, reader.Next(entry));
      if (!more) return absl::OkStatus();
      if (entry.type == content::EntryType::kDirectory) {
        WAYBILL_RETURN_IF_ERROR(destination_.SetModifiedTime(entry.path, entry.modified_time));
      }
    }
  }

  const content::Manifest& manifest_;
  const tree::Directory& source_;
  const tree::Directory& destination_;
  const std::function<bool()>& cancelled_;
  std::vector<char> buffer_ = std::vector<char>(content::kChunkBytesMax);
  std::optional<tree::File> source_file_;  // Opened once a chunk of the current file is needed.
  std::vector<content::Entry> links_;
  FetchCounts counts_;
};

}  // namespace

absl::StatusOr<FetchCounts> FetchTree(const content::Manifest& manifest,
                                      const tree::Directory& source,
                                      const tree::Directory& destination,
                                      const std::function<bool()>& cancelled) {
  return Fetcher(manifest, source, destination, cancelled).Run();
}

}  // namespace waybill::pcm
