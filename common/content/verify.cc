#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"

#include "common/content/byte_stream.h"
#include "common/content/extract.h"
#include "common/content/limits.h"
#include "common/content/progress_meter.h"
#include "common/content/tree_builder.h"
#include "common/content/work_pool.h"
#include "common/status/status_macros.h"
#include "common/tree/directory.h"
#include "common/tree/file.h"
#include "common/tree/path.h"

namespace waybill::content {
namespace {

absl::Status Bad(absl::string_view path, absl::string_view what) {
  return absl::DataLossError(absl::StrCat("file ", tree::Escaped(path), ": ", what));
}

tree::FileType OnDisk(EntryType type) {
  switch (type) {
    case EntryType::kDirectory:
      return tree::FileType::kDirectory;
    case EntryType::kFile:
      return tree::FileType::kRegular;
    case EntryType::kLink:
      return tree::FileType::kLink;
  }
  return tree::FileType::kOther;
}

absl::Status CompareChunks(const tree::File& file, const std::string& path, uint64_t offset,
                           const std::vector<Chunk>& chunks) {
  thread_local std::vector<char> buffer(kChunkBytesMax);
  for (const Chunk& chunk : chunks) {
    const auto plain = absl::MakeSpan(buffer).subspan(0, chunk.plain_bytes);
    const absl::Status read = file.ReadFull(static_cast<int64_t>(offset), plain);
    if (!read.ok()) return NameFile(read, path);
    if (Sha256::Of({plain.data(), plain.size()}) != chunk.digest) {
      return Bad(path, absl::StrCat("other bytes at ", offset));
    }
    offset += chunk.plain_bytes;
  }
  return absl::OkStatus();
}

// Walks a tree and its manifest side by side: both have the same order.
class Verifier {
 public:
  Verifier(const Manifest& manifest, const tree::Directory& root, const WorkOptions& options)
      : manifest_(manifest),
        root_(root),
        options_(options),
        pool_(options.threads, options.cancelled) {}

  absl::Status Run() {
    WAYBILL_ASSIGN_OR_RETURN(const ManifestTotals totals, CheckManifest(manifest_));
    ProgressMeter meter(options_.progress, {0, totals.file_count, 0, totals.plain_bytes});
    const std::unique_ptr<ByteSource> source = manifest_.NewSource();
    ManifestReader reader(*source);
    WAYBILL_RETURN_IF_ERROR(root_.Walk(
        [&](const tree::Directory& parent, const std::string& path, const tree::Entry& found) {
          meter.ReportSometimes();
          return Visit(reader, meter.progress(), parent, path, found);
        }));
    Entry entry;
    WAYBILL_ASSIGN_OR_RETURN(const bool more, reader.Next(entry));
    if (more) return Bad(entry.path, "missing");
    WAYBILL_RETURN_IF_ERROR(PushGathered());
    WAYBILL_RETURN_IF_ERROR(pool_.Finish());
    meter.Report();
    return absl::OkStatus();
  }

 private:
  struct Range {
    std::shared_ptr<const tree::File> file;
    std::string path;
    uint64_t offset;
    std::vector<Chunk> chunks;
  };

  absl::Status Visit(ManifestReader& reader, Progress& progress, const tree::Directory& parent,
                     const std::string& path, const tree::Entry& found) {
    Entry entry;
    WAYBILL_ASSIGN_OR_RETURN(const bool more, reader.Next(entry));
    const int order = more ? ComparePaths(path, entry.path) : -1;
    if (order < 0) return Bad(path, "not in the manifest");
    if (order > 0) return Bad(entry.path, "missing");
    if (found.info.type != OnDisk(entry.type)) return Bad(path, "of another type");
    if (entry.type == EntryType::kLink) return CompareLink(parent, entry, found);
    if (entry.type == EntryType::kDirectory) return absl::OkStatus();
    if (static_cast<uint64_t>(found.info.size_bytes) != entry.plain_bytes) {
      return Bad(path, "of another size");
    }
    if (((found.info.mode & 0100) != 0) != entry.executable) {
      return Bad(path, entry.executable ? "not executable" : "executable");
    }
    ++progress.files_done;
    progress.bytes_done += entry.plain_bytes;
    return CompareFile(reader, parent, entry, found);
  }

  static absl::Status CompareLink(const tree::Directory& parent, const Entry& entry,
                                  const tree::Entry& found) {
    WAYBILL_ASSIGN_OR_RETURN(const std::string target, parent.ReadLink(found.name));
    return target == entry.link_target ? absl::OkStatus()
                                       : Bad(entry.path, "a link to another target");
  }

  absl::Status CompareFile(ManifestReader& reader, const tree::Directory& parent,
                           const Entry& entry, const tree::Entry& found) {
    WAYBILL_ASSIGN_OR_RETURN(tree::File opened, parent.OpenFile(found.name));
    const auto file = std::make_shared<const tree::File>(std::move(opened));
    for (uint64_t offset = 0; offset < entry.plain_bytes;) {
      WAYBILL_ASSIGN_OR_RETURN(std::vector<Chunk> chunks, TakeRange(reader));
      const uint64_t bytes = PlainBytes(chunks);
      gathered_.push_back({file, entry.path, offset, std::move(chunks)});
      gathered_bytes_ += bytes;
      offset += bytes;
      if (gathered_bytes_ >= kRangeBytes / 4 || gathered_.size() >= kRangesPerPush) {
        WAYBILL_RETURN_IF_ERROR(PushGathered());
      }
    }
    return absl::OkStatus();
  }

  absl::Status PushGathered() {
    gathered_bytes_ = 0;
    return pool_.Push([ranges = std::exchange(gathered_, {})] {
      for (const Range& range : ranges) {
        WAYBILL_RETURN_IF_ERROR(CompareChunks(*range.file, range.path, range.offset, range.chunks));
      }
      return absl::OkStatus();
    });
  }

  static constexpr size_t kRangesPerPush = 32;  // Each may hold a file open.

  const Manifest& manifest_;
  const tree::Directory& root_;
  const WorkOptions& options_;
  std::vector<Range> gathered_;
  uint64_t gathered_bytes_ = 0;
  WorkPool pool_;
};

}  // namespace

absl::Status VerifyTree(const Manifest& manifest, const tree::Directory& root,
                        const WorkOptions& options) {
  if (options.threads < 1) return absl::InvalidArgumentError("threads: at least 1");
  return Verifier(manifest, root, options).Run();
}

}  // namespace waybill::content
