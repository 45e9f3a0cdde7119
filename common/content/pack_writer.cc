#include "common/content/pack_writer.h"

#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"

#include "common/content/limits.h"
#include "common/content/pack.h"
#include "common/content/pack_index.h"
#include "common/content/pack_recovery.h"
#include "common/status/status_macros.h"

namespace waybill::content {

PackWriter::~PackWriter() {
  // Half of a transfer is worth keeping. If it fails, recovery finds what reached the disk.
  Seal().IgnoreError();
}

std::shared_ptr<OpenPack> PackWriter::pack() const {
  const MutexLock lock(mutex_);
  return pack_;
}

std::optional<PackEntry> PackWriter::Find(const Digest& digest) const {
  const std::shared_ptr<OpenPack> open = pack();
  return open == nullptr ? std::nullopt : open->Find(digest);
}

absl::Status PackWriter::Put(const ChunkFacts& facts, absl::string_view stored) {
  if (!failed_.ok()) return failed_;
  WAYBILL_RETURN_IF_ERROR(
      CheckChunkLengths(facts.representation, facts.plain_bytes, stored.size()));
  if (Find(facts.digest).has_value()) return absl::OkStatus();
  if (pack() == nullptr) {
    WAYBILL_RETURN_IF_ERROR(Begin());
  }
  WAYBILL_RETURN_IF_ERROR(Append(facts, stored));
  if (end_ >= kPackBytesMax || pack()->size() >= kPackEntriesMax) return Seal();
  return unsynced_bytes_ >= kPackBytesPerSync ? Sync() : absl::OkStatus();
}

absl::Status PackWriter::Begin() {
  WAYBILL_ASSIGN_OR_RETURN(std::shared_ptr<OpenPack> open, CreatePack(store_.packs_directory()));
  store_.AddOpen(open);
  end_ = 0;
  unsynced_bytes_ = 0;
  name_synced_ = false;
  const MutexLock lock(mutex_);
  pack_ = std::move(open);
  return absl::OkStatus();
}

absl::Status PackWriter::Append(const ChunkFacts& facts, absl::string_view stored) {
  PackEntry entry;
  entry.facts = facts;
  entry.stored_bytes = static_cast<uint32_t>(stored.size());
  entry.offset = end_;
  record_ = EncodePackRecordHeader(facts, entry.stored_bytes);
  record_.append(stored.data(), stored.size());
  const std::shared_ptr<OpenPack> open = pack();
  // After a failure the next record is written over the torn one.
  WAYBILL_RETURN_IF_ERROR(open->file()->WriteFull(static_cast<int64_t>(end_), record_));
  open->Add(entry);
  end_ += record_.size();
  unsynced_bytes_ += record_.size();
  written_bytes_ += record_.size();
  return absl::OkStatus();
}

absl::Status PackWriter::Sync() {
  if (!failed_.ok()) return failed_;
  const std::shared_ptr<OpenPack> open = pack();
  if (open == nullptr || unsynced_bytes_ == 0) return absl::OkStatus();
  failed_ = open->file()->Sync();
  if (failed_.ok() && !std::exchange(name_synced_, true)) {
    failed_ = store_.packs_directory().Sync();
  }
  if (!failed_.ok()) {
    Abandon();
    return failed_;
  }
  unsynced_bytes_ = 0;
  return absl::OkStatus();
}

absl::Status PackWriter::Seal() {
  if (!failed_.ok()) return failed_;
  if (pack() == nullptr) return absl::OkStatus();
  WAYBILL_RETURN_IF_ERROR(Sync());
  failed_ = SealPack();
  if (!failed_.ok()) {
    Abandon();
  }
  return failed_;
}

absl::Status PackWriter::SealPack() {
  const std::shared_ptr<OpenPack> open = pack();
  if (open->size() == 0) {
    Abandon();
    return absl::OkStatus();
  }
  // A torn record may stand behind the last one, after a failed Put.
  WAYBILL_RETURN_IF_ERROR(open->file()->Truncate(static_cast<int64_t>(end_)));
  WAYBILL_RETURN_IF_ERROR(
      WriteIndex(store_.packs_directory(), open->uuid(), open->Entries(), end_));
  WAYBILL_RETURN_IF_ERROR(store_.AddSealed(open->uuid()));
  store_.RemoveOpen(open);
  const MutexLock lock(mutex_);
  pack_ = nullptr;
  return absl::OkStatus();
}

void PackWriter::Abandon() {
  const std::shared_ptr<OpenPack> open = pack();
  store_.RemoveOpen(open);
  // The index first, if Seal came as far: it would promise chunks that are gone.
  for (const std::string& name : {IndexName(open->uuid()), PackName(open->uuid())}) {
    store_.packs_directory().Remove(name).IgnoreError();
  }
  const MutexLock lock(mutex_);
  pack_ = nullptr;
}

}  // namespace waybill::content
