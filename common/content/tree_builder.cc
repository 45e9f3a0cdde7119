#include "common/content/tree_builder.h"

#include <cerrno>
#include <cstddef>
#include <memory>
#include <string>
#include <unistd.h>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"

#include "common/content/byte_stream.h"
#include "common/content/limits.h"
#include "common/status/status_macros.h"
#include "common/tree/errno_status.h"
#include "common/tree/path.h"

namespace waybill::content {
namespace {

constexpr uint64_t kSmallBytesPerPush = 1 << 20;
constexpr size_t kSmallFilesPerPush = 64;
constexpr mode_t kDirectoryMode = 0755;
constexpr mode_t kFileMode = 0644;
constexpr mode_t kExecutableMode = 0755;

// What is left of a name's path behind the last slash.
absl::string_view NameOf(absl::string_view path) {
  const size_t slash = path.rfind('/');
  return slash == absl::string_view::npos ? path : path.substr(slash + 1);
}

absl::Status FinishFile(const Entry& entry, tree::File& file) {
  WAYBILL_RETURN_IF_ERROR(file.SetMode(entry.executable ? kExecutableMode : kFileMode));
  return file.SetModifiedTime(entry.modified_time);  // Behind the last write.
}

}  // namespace

absl::StatusOr<ManifestTotals> CheckManifest(const Manifest& manifest) {
  const std::unique_ptr<ByteSource> source = manifest.NewSource();
  ManifestReader reader(*source);
  Entry entry;
  for (;;) {
    WAYBILL_ASSIGN_OR_RETURN(const bool more, reader.Next(entry));
    if (!more) return reader.totals();
  }
}

absl::StatusOr<std::vector<Chunk>> TakeRange(ManifestReader& reader) {
  std::vector<Chunk> chunks;
  uint64_t bytes = 0;
  while (bytes + kChunkBytesMax <= kRangeBytes) {
    Chunk chunk;
    WAYBILL_ASSIGN_OR_RETURN(const bool more, reader.NextChunk(chunk));
    if (!more) break;
    bytes += chunk.plain_bytes;
    chunks.push_back(chunk);
  }
  return chunks;
}

uint64_t PlainBytes(const std::vector<Chunk>& chunks) {
  uint64_t bytes = 0;
  for (const Chunk& chunk : chunks) {
    bytes += chunk.plain_bytes;
  }
  return bytes;
}

absl::Status NameFile(const absl::Status& status, absl::string_view path) {
  if (status.ok()) return status;
  return absl::Status(status.code(),
                      absl::StrCat("file ", tree::Escaped(path), ": ", status.message()));
}

// A file that several threads fill. Whoever lets go of it last finishes it.
class TreeBuilder::LargeFile {
 public:
  LargeFile(Entry entry, tree::File file) : entry_(std::move(entry)), file_(std::move(file)) {}

  const Entry& entry() const { return entry_; }
  tree::File& file() { return file_; }
  void Hold() { ++holders_; }
  absl::Status Release() { return --holders_ == 0 ? FinishFile(entry_, file_) : absl::OkStatus(); }

 private:
  const Entry entry_;
  tree::File file_;
  std::atomic<int> holders_ = 1;
};

TreeBuilder::TreeBuilder(const Manifest& manifest, const tree::Directory& destination,
                         const WorkOptions& options, FileFiller& filler)
    : manifest_(manifest),
      destination_(destination),
      options_(options),
      filler_(filler),
      parent_(std::shared_ptr<void>(), &destination),
      pool_(options.threads, options.cancelled) {}

absl::StatusOr<ManifestTotals> TreeBuilder::Run() {
  WAYBILL_ASSIGN_OR_RETURN(const ManifestTotals totals, CheckManifest(manifest_));
  ProgressMeter meter(options_.progress, {0, totals.file_count, 0, totals.plain_bytes});
  WAYBILL_RETURN_IF_ERROR(MakeFiles(meter));
  WAYBILL_RETURN_IF_ERROR(MakeLinks());
  WAYBILL_RETURN_IF_ERROR(FinishDirectories());
  if (syncfs(destination_.descriptor()) != 0) {
    return tree::ErrnoToStatus(errno, "sync the file system of", destination_.path());
  }
  meter.progress().files_done = files_done_;
  meter.progress().bytes_done = bytes_done_;
  meter.Report();
  return totals;
}

absl::Status TreeBuilder::MakeFiles(ProgressMeter& meter) {
  const std::unique_ptr<ByteSource> source = manifest_.NewSource();
  ManifestReader reader(*source);
  Entry entry;
  for (;;) {
    WAYBILL_ASSIGN_OR_RETURN(const bool more, reader.Next(entry));
    if (!more) break;
    if (entry.type == EntryType::kDirectory) {
      WAYBILL_RETURN_IF_ERROR(destination_.MakeDirectory(entry.path, kDirectoryMode));
    } else if (entry.type == EntryType::kFile) {
      WAYBILL_RETURN_IF_ERROR(AddFile(reader, entry));
    }
    meter.progress().files_done = files_done_;
    meter.progress().bytes_done = bytes_done_;
    meter.ReportSometimes();
  }
  WAYBILL_RETURN_IF_ERROR(PushSmallFiles());
  return pool_.Finish();
}

absl::Status TreeBuilder::AddFile(ManifestReader& reader, const Entry& entry) {
  WAYBILL_RETURN_IF_ERROR(EnterParentOf(entry.path));
  if (filler_.fills_ranges() && entry.plain_bytes + kChunkBytesMax > kRangeBytes) {
    return AddLargeFile(reader, entry);
  }
  return AddSmallFile(reader, entry);
}

absl::Status TreeBuilder::EnterParentOf(const std::string& path) {
  const size_t slash = path.rfind('/');
  const std::string parent_path = slash == std::string::npos ? "" : path.substr(0, slash);
  if (parent_path == parent_path_) return absl::OkStatus();
  if (parent_path.empty()) {
    parent_ = std::shared_ptr<const tree::Directory>(std::shared_ptr<void>(), &destination_);
  } else {
    WAYBILL_ASSIGN_OR_RETURN(tree::Directory opened, destination_.OpenDirectory(parent_path));
    parent_ = std::make_shared<const tree::Directory>(std::move(opened));
  }
  parent_path_ = parent_path;
  return absl::OkStatus();
}

absl::Status TreeBuilder::AddSmallFile(ManifestReader& reader, const Entry& entry) {
  SmallFile small{parent_, entry, {}};
  if (filler_.fills_ranges()) {
    WAYBILL_ASSIGN_OR_RETURN(small.chunks, TakeRange(reader));
  }
  small_bytes_ += entry.plain_bytes;
  small_files_.push_back(std::move(small));
  const bool full = small_bytes_ >= kSmallBytesPerPush || small_files_.size() >= kSmallFilesPerPush;
  return full ? PushSmallFiles() : absl::OkStatus();
}

absl::Status TreeBuilder::PushSmallFiles() {
  small_bytes_ = 0;
  return pool_.Push([this, files = std::exchange(small_files_, {})] {
    for (const SmallFile& small : files) {
      const absl::Status made = MakeSmallFile(small);
      if (!made.ok()) return NameFile(made, small.entry.path);
    }
    return absl::OkStatus();
  });
}

absl::Status TreeBuilder::MakeSmallFile(const SmallFile& small) {
  WAYBILL_ASSIGN_OR_RETURN(tree::File file, small.parent->CreateFile(NameOf(small.entry.path)));
  WAYBILL_RETURN_IF_ERROR(filler_.Fill(small.entry, 0, small.chunks, file));
  WAYBILL_RETURN_IF_ERROR(FinishFile(small.entry, file));
  ++files_done_;
  bytes_done_ += small.entry.plain_bytes;
  return absl::OkStatus();
}

absl::Status TreeBuilder::AddLargeFile(ManifestReader& reader, const Entry& entry) {
  WAYBILL_ASSIGN_OR_RETURN(tree::File file, parent_->CreateFile(NameOf(entry.path)));
  const auto large = std::make_shared<LargeFile>(entry, std::move(file));
  for (uint64_t offset = 0; offset < entry.plain_bytes;) {
    WAYBILL_ASSIGN_OR_RETURN(std::vector<Chunk> chunks, TakeRange(reader));
    const uint64_t bytes = PlainBytes(chunks);
    large->Hold();
    WAYBILL_RETURN_IF_ERROR(pool_.Push([this, large, offset, bytes, range = std::move(chunks)] {
      const absl::Status filled = filler_.Fill(large->entry(), offset, range, large->file());
      bytes_done_ += bytes;
      return NameFile(filled.ok() ? large->Release() : filled, large->entry().path);
    }));
    offset += bytes;
  }
  ++files_done_;
  return NameFile(large->Release(), entry.path);
}

absl::Status TreeBuilder::MakeLinks() {
  const std::unique_ptr<ByteSource> source = manifest_.NewSource();
  ManifestReader reader(*source);
  Entry entry;
  for (;;) {
    WAYBILL_ASSIGN_OR_RETURN(const bool more, reader.Next(entry));
    if (!more) return absl::OkStatus();
    if (entry.type != EntryType::kLink) continue;
    WAYBILL_RETURN_IF_ERROR(destination_.MakeLink(entry.path, entry.link_target));
    WAYBILL_RETURN_IF_ERROR(destination_.SetModifiedTime(entry.path, entry.modified_time));
  }
}

absl::Status TreeBuilder::FinishDirectories() {
  const std::unique_ptr<ByteSource> source = manifest_.NewSource();
  ManifestReader reader(*source);
  Entry entry;
  for (;;) {
    WAYBILL_ASSIGN_OR_RETURN(const bool more, reader.Next(entry));
    if (!more) return absl::OkStatus();
    if (entry.type != EntryType::kDirectory) continue;
    WAYBILL_ASSIGN_OR_RETURN(const tree::Directory directory,
                             destination_.OpenDirectory(entry.path));
    WAYBILL_RETURN_IF_ERROR(directory.SetMode(kDirectoryMode));
    WAYBILL_RETURN_IF_ERROR(directory.SetModifiedTime(entry.modified_time));
  }
}

}  // namespace waybill::content
