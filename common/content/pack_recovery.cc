#include "common/content/pack_recovery.h"

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"

#include "common/content/pack_index.h"
#include "common/random/random_id.h"
#include "common/status/status_macros.h"
#include "common/tree/directory.h"
#include "common/tree/file.h"

namespace waybill::content {
namespace {

// The pack, locked by us and still under its name; nothing if another has or had it.
absl::StatusOr<std::optional<tree::File>> LockPack(const tree::Directory& packs,
                                                   const std::string& uuid) {
  absl::StatusOr<tree::File> file = packs.OpenReadWrite(PackName(uuid));
  if (absl::IsNotFound(file.status())) return std::nullopt;
  WAYBILL_RETURN_IF_ERROR(file.status());
  const absl::Status locked = file->TryLock();
  if (absl::IsFailedPrecondition(locked)) return std::nullopt;
  WAYBILL_RETURN_IF_ERROR(locked);
  WAYBILL_ASSIGN_OR_RETURN(const tree::FileInfo info, file->Stat());
  if (info.links == 0) return std::nullopt;
  return std::optional<tree::File>(*std::move(file));
}

absl::Status RemoveIfThere(const tree::Directory& packs, const std::string& name) {
  const absl::Status removed = packs.Remove(name);
  return absl::IsNotFound(removed) ? absl::OkStatus() : removed;
}

}  // namespace

absl::StatusOr<std::shared_ptr<OpenPack>> CreatePack(const tree::Directory& packs) {
  for (;;) {
    std::string uuid = RandomId();
    WAYBILL_ASSIGN_OR_RETURN(tree::File file, packs.CreateFile(PackName(uuid)));
    // Between the two calls the recovery of another process may have taken the empty pack away.
    const absl::Status locked = file.TryLock();
    if (!locked.ok() && !absl::IsFailedPrecondition(locked)) return locked;
    WAYBILL_ASSIGN_OR_RETURN(const tree::FileInfo info, file.Stat());
    if (!locked.ok() || info.links == 0) continue;
    return std::make_shared<OpenPack>(std::move(uuid), std::move(file));
  }
}

absl::Status WriteIndex(const tree::Directory& packs, const std::string& uuid,
                        std::vector<PackEntry> entries, uint64_t pack_bytes) {
  // The name is the pack's own, so that one left by a crash is written over by the next recovery.
  const std::string temporary = absl::StrCat(IndexName(uuid), ".new");
  const std::string bytes = PackIndex::Encode(std::move(entries), pack_bytes);
  WAYBILL_ASSIGN_OR_RETURN(tree::File file, packs.OpenOrCreate(temporary));
  WAYBILL_RETURN_IF_ERROR(file.Truncate(0));
  WAYBILL_RETURN_IF_ERROR(file.WriteFull(0, bytes));
  WAYBILL_RETURN_IF_ERROR(file.Sync());
  WAYBILL_RETURN_IF_ERROR(packs.Rename(temporary, packs, IndexName(uuid)));
  return packs.Sync();
}

absl::Status RecoverPack(const tree::Directory& packs, const std::string& uuid,
                         bool replace_index) {
  WAYBILL_ASSIGN_OR_RETURN(std::optional<tree::File> pack, LockPack(packs, uuid));
  if (!pack.has_value()) return absl::OkStatus();
  WAYBILL_ASSIGN_OR_RETURN(const bool sealed, packs.Exists(IndexName(uuid)));
  if (sealed && !replace_index) return absl::OkStatus();
  WAYBILL_ASSIGN_OR_RETURN(PackScan scan, ScanPack(*pack));
  if (scan.entries.empty()) {
    WAYBILL_RETURN_IF_ERROR(RemoveIfThere(packs, IndexName(uuid)));
    WAYBILL_RETURN_IF_ERROR(RemoveIfThere(packs, absl::StrCat(IndexName(uuid), ".new")));
    return RemoveIfThere(packs, PackName(uuid));
  }
  if (!sealed) {
    WAYBILL_RETURN_IF_ERROR(pack->Truncate(static_cast<int64_t>(scan.end)));
  }
  // The writer may have died before its sync: what was read came from memory.
  WAYBILL_RETURN_IF_ERROR(pack->Sync());
  WAYBILL_ASSIGN_OR_RETURN(const int64_t size, pack->Size());
  return WriteIndex(packs, uuid, std::move(scan.entries), static_cast<uint64_t>(size));
}

absl::StatusOr<uint64_t> RemovePack(const tree::Directory& packs, const std::string& uuid) {
  WAYBILL_ASSIGN_OR_RETURN(const std::optional<tree::File> pack, LockPack(packs, uuid));
  if (!pack.has_value()) return 0;
  WAYBILL_ASSIGN_OR_RETURN(const int64_t size, pack->Size());
  // The index first: an index without its pack would promise chunks that are gone.
  WAYBILL_RETURN_IF_ERROR(RemoveIfThere(packs, IndexName(uuid)));
  WAYBILL_RETURN_IF_ERROR(RemoveIfThere(packs, PackName(uuid)));
  return static_cast<uint64_t>(size);
}

}  // namespace waybill::content
