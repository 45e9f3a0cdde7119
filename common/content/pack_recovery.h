#ifndef WAYBILL_COMMON_CONTENT_PACK_RECOVERY_H_
#define WAYBILL_COMMON_CONTENT_PACK_RECOVERY_H_

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

#include "common/content/pack.h"
#include "common/content/pack_set.h"
#include "common/tree/directory.h"

/// How packs begin, become sealed and are taken over from writers that died. Used by ChunkStore
/// and PackWriter. Whoever changes names of a pack holds the lock of the pack's file.
namespace waybill::content {

/// Makes an empty pack and locks it. Its name is not durable yet.
absl::StatusOr<std::shared_ptr<OpenPack>> CreatePack(const tree::Directory& packs);

/// Puts the index of a pack in place durably. The caller holds the pack's lock and has synced it.
absl::Status WriteIndex(const tree::Directory& packs, const std::string& uuid,
                        std::vector<PackEntry> entries, uint64_t pack_bytes);

/// Seals the pack of a writer that died: keeps the records that are whole, cuts off what follows
/// the last of them, syncs, writes the index. Removes a pack without any. With `replace_index` the
/// pack is sealed but its index is broken: it is written anew and the pack is left as it is.
/// OK without doing anything if the pack's writer lives, or somebody else was quicker.
absl::Status RecoverPack(const tree::Directory& packs, const std::string& uuid, bool replace_index);

/// Removes a sealed pack and its index, under its lock. Returns the bytes freed, 0 if it is locked
/// or gone.
absl::StatusOr<uint64_t> RemovePack(const tree::Directory& packs, const std::string& uuid);

}  // namespace waybill::content

#endif  // WAYBILL_COMMON_CONTENT_PACK_RECOVERY_H_
