#include "services/pcm/tree_fetch.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <functional>
#include <memory>
#include <string>
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
#include "common/status/check.h"
#include "common/status/status_macros.h"
#include "common/tree/directory.h"
#include "common/tree/file.h"
#include "common/tree/path.h"
#include "services/pcm/package_source.h"

namespace waybill::pcm {
namespace {

bool Holds(absl::Span<const char> bytes, const content::Digest& digest) {
  return content::Sha256::Of({bytes.data(), bytes.size()}) == digest;
}

// Neighbouring chunks of a file that the destination lacks: one question to the source. The limit
// bounds our memory of a file of any size and costs nothing: so many chunks are over 32 MiB.
constexpr std::size_t kGapChunksMax = 1024;
struct Gap {
  ByteRange range;
  std::vector<content::Chunk> chunks;
};

// Takes the bytes of a gap as they come, and writes each chunk once it is whole and good.
class GapWriter final : public content::ByteSink {
 public:
  // `buffer` holds any chunk.
  GapWriter(const std::string& path, const Gap& gap, absl::Span<char> buffer, tree::File& file,
            const std::function<bool()>& cancelled)
      : path_(path),
        gap_(gap),
        buffer_(buffer),
        file_(file),
        cancelled_(cancelled),
        offset_(static_cast<std::int64_t>(gap.range.offset)) {}

  absl::Status Append(absl::string_view bytes) override {
    while (!bytes.empty()) {
      WAYBILL_CHECK(next_ < gap_.chunks.size());  // A source gives no more than it was asked for.
      const content::Chunk& chunk = gap_.chunks[next_];
      const std::size_t taken = std::min(bytes.size(), chunk.plain_bytes - filled_);
      std::memcpy(buffer_.data() + filled_, bytes.data(), taken);
      bytes.remove_prefix(taken);
      filled_ += taken;
      if (filled_ == chunk.plain_bytes) WAYBILL_RETURN_IF_ERROR(WriteChunk(chunk));
    }
    return absl::OkStatus();
  }

  std::uint64_t written_bytes() const {
    return static_cast<std::uint64_t>(offset_) - gap_.range.offset;
  }

 private:
  absl::Status WriteChunk(const content::Chunk& chunk) {
    if (cancelled_()) return absl::CancelledError("the fetch was cancelled");
    const absl::Span<const char> bytes = buffer_.subspan(0, filled_);
    if (!Holds(bytes, chunk.digest)) {
      return absl::DataLossError(
          absl::StrCat("file ", tree::Escaped(path_), ": other bytes at ", offset_));
    }
    WAYBILL_RETURN_IF_ERROR(file_.WriteFull(offset_, {bytes.data(), bytes.size()}));
    offset_ += static_cast<std::int64_t>(bytes.size());
    filled_ = 0;
    ++next_;
    return absl::OkStatus();
  }

  const std::string& path_;
  const Gap& gap_;
  const absl::Span<char> buffer_;
  tree::File& file_;
  const std::function<bool()>& cancelled_;
  std::int64_t offset_;     // Of the chunk that is being filled.
  std::size_t next_ = 0;    // Its place in the gap.
  std::size_t filled_ = 0;  // How much of it is here.
};

class Fetcher {
 public:
  Fetcher(const content::Manifest& manifest, PackageSource& source,
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
    std::int64_t offset = 0;
    Gap gap;
    content::Chunk chunk;
    for (;;) {
      WAYBILL_ASSIGN_OR_RETURN(const bool more, reader.NextChunk(chunk));
      if (!more) break;
      if (cancelled_()) return absl::CancelledError("the fetch was cancelled");
      WAYBILL_ASSIGN_OR_RETURN(const bool stands, Stands(chunk, offset, standing, file));
      if (stands || gap.chunks.size() == kGapChunksMax) {
        WAYBILL_RETURN_IF_ERROR(FetchGap(entry, gap, file));
      }
      if (stands) {
        counts_.kept_bytes += chunk.plain_bytes;
      } else {
        if (gap.chunks.empty()) gap.range.offset = static_cast<std::uint64_t>(offset);
        gap.range.bytes += chunk.plain_bytes;
        gap.chunks.push_back(chunk);
      }
      offset += chunk.plain_bytes;
    }
    WAYBILL_RETURN_IF_ERROR(FetchGap(entry, gap, file));
    if (standing > offset) WAYBILL_RETURN_IF_ERROR(file.Truncate(offset));
    WAYBILL_RETURN_IF_ERROR(file.SetMode(entry.executable ? 0755 : 0644));
    return file.SetModifiedTime(entry.modified_time);
  }

  // Whether the chunk is at `offset` of a file of which the first `standing` bytes were there
  // before.
  absl::StatusOr<bool> Stands(const content::Chunk& chunk, std::int64_t offset,
                              std::int64_t standing, const tree::File& file) {
    const absl::Span<char> bytes = absl::MakeSpan(buffer_).subspan(0, chunk.plain_bytes);
    if (offset + static_cast<std::int64_t>(bytes.size()) > standing) return false;
    WAYBILL_RETURN_IF_ERROR(file.ReadFull(offset, bytes));
    return Holds(bytes, chunk.digest);
  }

  // Leaves `gap` empty.
  absl::Status FetchGap(const content::Entry& entry, Gap& gap, tree::File& file) {
    if (gap.chunks.empty()) return absl::OkStatus();
    GapWriter writer(entry.path, gap, absl::MakeSpan(buffer_), file, cancelled_);
    const absl::Status status = source_.ReadFile(entry.path, gap.range, writer);
    counts_.fetched_bytes += writer.written_bytes();
    gap = {};
    return status;
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
  PackageSource& source_;
  const tree::Directory& destination_;
  const std::function<bool()>& cancelled_;
  std::vector<char> buffer_ = std::vector<char>(content::kChunkBytesMax);
  std::vector<content::Entry> links_;
  FetchCounts counts_;
};

}  // namespace

absl::StatusOr<FetchCounts> FetchTree(const content::Manifest& manifest, PackageSource& source,
                                      const tree::Directory& destination,
                                      const std::function<bool()>& cancelled) {
  return Fetcher(manifest, source, destination, cancelled).Run();
}

}  // namespace waybill::pcm
