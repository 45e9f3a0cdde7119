#include "common/content/import_reader.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"

#include "common/content/chunker.h"
#include "common/content/limits.h"
#include "common/status/status_macros.h"
#include "common/tree/path.h"

namespace waybill::content {
namespace {

absl::Status Changed(absl::string_view path) {
  return absl::FailedPreconditionError(
      absl::StrCat("source_changed: ", tree::Escaped(path), " changed while it was read"));
}

bool IsSame(const tree::FileInfo& a, const tree::FileInfo& b) {
  return a.type == b.type && a.inode == b.inode && a.device == b.device &&
         a.size_bytes == b.size_bytes && a.modified_time == b.modified_time &&
         a.changed_time == b.changed_time;
}

}  // namespace

void SourceReader::Run(const tree::Directory& source) {
  const absl::Status walked =
      source.Walk([this](const tree::Directory& parent, const std::string& path,
                         const tree::Entry& entry) { return Visit(parent, path, entry); });
  if (!walked.ok()) {
    belt_.Fail(walked);
    return;
  }
  if (batch_ != nullptr) Submit();
  belt_.CloseInput();
}

absl::Status SourceReader::Visit(const tree::Directory& parent, const std::string& path,
                                 const tree::Entry& found) {
  if (!skipped_directory_.empty() && IsAtOrBeneath(path, skipped_directory_)) {
    return absl::OkStatus();
  }
  if (scan_.IsUnsafe(path)) {
    if (found.info.type == tree::FileType::kDirectory) skipped_directory_ = path;
    return absl::OkStatus();
  }
  Entry entry;
  entry.path = path;
  entry.modified_time = found.info.modified_time;
  switch (found.info.type) {
    case tree::FileType::kRegular:
      return AddFile(parent, std::move(entry), found);
    case tree::FileType::kDirectory:
      break;
    case tree::FileType::kLink: {
      entry.type = EntryType::kLink;
      WAYBILL_ASSIGN_OR_RETURN(entry.link_target, parent.ReadLink(found.name));
      break;
    }
    case tree::FileType::kOther:
      return Changed(path);  // It was something else when the source was scanned.
  }
  WAYBILL_RETURN_IF_ERROR(EnsureRoom(0));
  batch_->steps.push_back({false, std::move(entry), batch_->pieces.size()});
  return absl::OkStatus();
}

absl::Status SourceReader::AddFile(const tree::Directory& parent, Entry entry,
                                   const tree::Entry& found) {
  absl::StatusOr<tree::File> file = parent.OpenFile(found.name);
  // The name stood there a moment ago; opening names only the last component.
  if (absl::IsNotFound(file.status())) return Changed(entry.path);
  if (!file.ok()) {
    return absl::Status(
        file.status().code(),
        absl::StrCat("source file ", tree::Escaped(entry.path), ": ", file.status().message()));
  }
  WAYBILL_ASSIGN_OR_RETURN(const tree::FileInfo before, file->Stat());
  if (!IsSame(before, found.info)) return Changed(entry.path);
  const std::string path = entry.path;
  entry.type = EntryType::kFile;
  entry.executable = (before.mode & 0111) != 0;
  entry.plain_bytes = static_cast<uint64_t>(before.size_bytes);
  const uint64_t size = entry.plain_bytes;
  WAYBILL_RETURN_IF_ERROR(EnsureRoom(std::min<uint64_t>(size, kChunkBytesMax)));
  batch_->steps.push_back({false, std::move(entry), batch_->pieces.size()});
  WAYBILL_RETURN_IF_ERROR(ReadChunks(*file, path, size));
  WAYBILL_ASSIGN_OR_RETURN(const tree::FileInfo after, file->Stat());
  return IsSame(before, after) ? absl::OkStatus() : Changed(path);
}

absl::Status SourceReader::ReadChunks(const tree::File& file, const std::string& path,
                                      uint64_t size) {
  uint64_t offset = 0;
  while (offset < size) {
    const size_t needed = std::min<uint64_t>(size - offset, kChunkBytesMax);
    if (batch_->room() < needed || batch_->is_full()) {
      WAYBILL_RETURN_IF_ERROR(EnsureRoom(needed));
      batch_->steps.push_back({true, {}, batch_->pieces.size()});
    }
    WAYBILL_RETURN_IF_ERROR(FillBatch(file, path, size, offset));
  }
  return absl::OkStatus();
}

absl::Status SourceReader::FillBatch(const tree::File& file, const std::string& path, uint64_t size,
                                     uint64_t& offset) {
  char* const at = batch_->plain.data() + batch_->plain_bytes;
  const size_t bytes = std::min<uint64_t>(batch_->room(), size - offset);
  const absl::Status read = file.ReadFull(static_cast<int64_t>(offset), absl::MakeSpan(at, bytes));
  if (absl::IsDataLoss(read)) {
    WAYBILL_ASSIGN_OR_RETURN(const int64_t now, file.Size());
    if (static_cast<uint64_t>(now) < size) return Changed(path);
  }
  WAYBILL_RETURN_IF_ERROR(read);
  const bool at_end = offset + bytes == size;
  absl::string_view rest(at, bytes);
  while (!rest.empty() && batch_->pieces.size() < kBatchPiecesMax) {
    const size_t cut = FirstChunkBytes(rest);
    // Not final: the chunk may go on behind what was read. It is read again with the next batch.
    if (cut == rest.size() && cut < kChunkBytesMax && !at_end) break;
    batch_->pieces.emplace_back().plain = rest.substr(0, cut);
    rest.remove_prefix(cut);
  }
  const size_t cut_bytes = bytes - rest.size();
  batch_->plain_bytes += cut_bytes;
  offset += cut_bytes;
  batch_->steps.back().pieces_end = batch_->pieces.size();
  return absl::OkStatus();
}

absl::Status SourceReader::EnsureRoom(size_t bytes) {
  if (cancelled_ && cancelled_()) return absl::CancelledError("the import was cancelled");
  if (batch_ != nullptr && (batch_->room() < bytes || batch_->is_full())) Submit();
  if (batch_ == nullptr) {
    batch_ = belt_.TakeFree();
  }
  return batch_ == nullptr ? belt_.status() : absl::OkStatus();
}

void SourceReader::Submit() {
  batch_ = nullptr;
  belt_.Submit();
}

}  // namespace waybill::content
