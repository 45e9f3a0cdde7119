#include "common/content/chunk_store.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"

#include "common/content/limits.h"
#include "common/content/pack_recovery.h"
#include "common/content/pack_writer.h"
#include "common/status/status_macros.h"
#include "common/tree/file.h"

namespace waybill::content {
namespace {

// The uuids of the packs in a directory, ascending.
struct Listing {
  std::vector<std::string> packs;
  std::vector<std::string> indexes;
};

bool Holds(const std::vector<std::string>& uuids, const std::string& uuid) {
  return std::binary_search(uuids.begin(), uuids.end(), uuid);
}

absl::StatusOr<Listing> ListPacks(const tree::Directory& directory) {
  WAYBILL_ASSIGN_OR_RETURN(const std::vector<std::string> names, directory.ListNames());
  Listing listing;
  for (absl::string_view name : names) {
    if (absl::ConsumeSuffix(&name, ".pack")) {
      listing.packs.emplace_back(name);
    } else if (absl::ConsumeSuffix(&name, ".idx")) {
      listing.indexes.emplace_back(name);
    }
  }
  return listing;
}

absl::Status Lacking(const Digest& digest) {
  return absl::NotFoundError(absl::StrCat("chunk ", digest.ToHex(), " is lacking"));
}

}  // namespace

ChunkStore::ChunkStore(tree::Directory packs, std::unique_ptr<ManifestStore> manifests)
    : packs_directory_(std::move(packs)), manifests_(std::move(manifests)) {}

ChunkStore::~ChunkStore() = default;

absl::StatusOr<std::unique_ptr<ChunkStore>> ChunkStore::Open(const tree::Directory& directory) {
  WAYBILL_ASSIGN_OR_RETURN(tree::Directory packs, directory.MakeDirectories("packs"));
  WAYBILL_ASSIGN_OR_RETURN(tree::Directory manifests, directory.MakeDirectories("manifests"));
  WAYBILL_RETURN_IF_ERROR(directory.Sync());
  WAYBILL_ASSIGN_OR_RETURN(std::unique_ptr<ManifestStore> manifest_store,
                           ManifestStore::Open(std::move(manifests)));
  auto store =
      std::unique_ptr<ChunkStore>(new ChunkStore(std::move(packs), std::move(manifest_store)));
  WAYBILL_RETURN_IF_ERROR(store->Recover());
  return store;
}

std::unique_ptr<PackWriter> ChunkStore::NewWriter() {
  return std::unique_ptr<PackWriter>(new PackWriter(*this));
}

// Packs by others. ------------------------------------------------------------------------------

absl::Status ChunkStore::Recover() {
  WAYBILL_ASSIGN_OR_RETURN(const Listing listing, ListPacks(packs_directory_));
  for (const std::string& uuid : listing.packs) {
    if (Holds(listing.indexes, uuid)) continue;
    WAYBILL_RETURN_IF_ERROR(RecoverPack(packs_directory_, uuid, /*replace_index=*/false));
  }
  return Refresh();
}

absl::Status ChunkStore::Refresh() {
  const MutexLock listing_lock(listing_mutex_);
  WAYBILL_ASSIGN_OR_RETURN(Listing listing, ListPacks(packs_directory_));
  std::vector<std::string>& uuids = listing.indexes;
  // An index whose pack is gone, by a hand or a power cut, promises nothing.
  std::erase_if(uuids, [&](const std::string& uuid) { return !Holds(listing.packs, uuid); });
  if (uuids.size() > kPacksMax) {
    return absl::ResourceExhaustedError("the store has more packs than the limit");
  }
  std::vector<std::string> unknown;
  {
    const MutexLock lock(mutex_);
    sealed_.KeepOnly(uuids);
    for (const std::string& uuid : uuids) {
      if (!sealed_.Contains(uuid)) unknown.push_back(uuid);
    }
  }
  for (const std::string& uuid : unknown) {
    const absl::Status added = LoadSealed(uuid);
    if (absl::IsNotFound(added)) continue;  // Removed meanwhile.
    WAYBILL_RETURN_IF_ERROR(added);
  }
  return absl::OkStatus();
}

absl::Status ChunkStore::AddSealed(const std::string& uuid) {
  const MutexLock listing_lock(listing_mutex_);
  return LoadSealed(uuid);
}

absl::Status ChunkStore::LoadSealed(const std::string& uuid) {
  const auto load = [&]() -> absl::StatusOr<PackIndex> {
    WAYBILL_ASSIGN_OR_RETURN(const tree::File file, packs_directory_.OpenFile(IndexName(uuid)));
    return PackIndex::Load(file);
  };
  absl::StatusOr<PackIndex> index = load();
  if (absl::IsDataLoss(index.status())) {
    WAYBILL_RETURN_IF_ERROR(RecoverPack(packs_directory_, uuid, /*replace_index=*/true));
    index = load();
  }
  WAYBILL_RETURN_IF_ERROR(index.status());
  const MutexLock lock(mutex_);
  sealed_.Add(std::make_shared<SealedPack>(uuid, *std::move(index)));
  return absl::OkStatus();
}

absl::Status ChunkStore::Repair(const ChunkFacts& facts, absl::string_view stored) {
  std::optional<PackSet::Found> found;
  {
    const MutexLock lock(mutex_);
    found = sealed_.Find(facts.digest);
  }
  const bool fits = found.has_value() && found->entry.stored_bytes == stored.size() &&
                    found->entry.facts.plain_bytes == facts.plain_bytes &&
                    found->entry.facts.representation == facts.representation;
  if (!fits) {
    return absl::FailedPreconditionError(
        absl::StrCat("no record of chunk ", facts.digest.ToHex(), " has this form"));
  }
  WAYBILL_ASSIGN_OR_RETURN(tree::File pack,
                           packs_directory_.OpenReadWrite(PackName(found->pack->uuid)));
  // With its header, which the disk may have garbled too.
  std::string record = EncodePackRecordHeader(facts, found->entry.stored_bytes);
  record.append(stored.data(), stored.size());
  WAYBILL_RETURN_IF_ERROR(pack.WriteFull(static_cast<int64_t>(found->entry.offset), record));
  return pack.Sync();
}

absl::StatusOr<ChunkStore::Collected> ChunkStore::Collect(
    absl::FunctionRef<bool(const Digest&)> is_live, absl::FunctionRef<bool()> pause) {
  WAYBILL_RETURN_IF_ERROR(Refresh());
  std::vector<std::shared_ptr<SealedPack>> packs;
  {
    const MutexLock lock(mutex_);
    packs = sealed_.packs();
  }
  Collected collected;
  for (const std::shared_ptr<SealedPack>& pack : packs) {
    bool live = false;
    for (size_t i = 0; i < pack->index.size() && !live; ++i) {
      live = is_live(pack->index[i].facts.digest);
    }
    if (live) continue;
    WAYBILL_ASSIGN_OR_RETURN(const uint64_t bytes, RemovePack(packs_directory_, pack->uuid));
    collected.freed_bytes += bytes;
    {
      const MutexLock lock(mutex_);
      sealed_.Remove(pack->uuid);
    }
    if (pause()) {
      collected.is_complete = false;
      break;
    }
  }
  WAYBILL_RETURN_IF_ERROR(packs_directory_.Sync());
  return collected;
}

// Our own open packs. ---------------------------------------------------------------------------

void ChunkStore::AddOpen(std::shared_ptr<OpenPack> pack) {
  const MutexLock lock(mutex_);
  open_.push_back(std::move(pack));
}

void ChunkStore::RemoveOpen(const std::shared_ptr<OpenPack>& pack) {
  const MutexLock lock(mutex_);
  std::erase(open_, pack);
}

// Reading. --------------------------------------------------------------------------------------

std::optional<PackEntry> ChunkStore::FindSealed(const Digest& digest) const {
  const MutexLock lock(mutex_);
  const std::optional<PackSet::Found> found = sealed_.Find(digest);
  return found.has_value() ? std::optional<PackEntry>(found->entry) : std::nullopt;
}

std::optional<PackLocation> ChunkStore::FindKnown(const Digest& digest) const {
  const MutexLock lock(mutex_);
  if (std::optional<PackSet::Found> found = sealed_.Find(digest)) {
    return PackLocation{found->entry, found->pack->file, std::move(found->pack)};
  }
  for (const std::shared_ptr<OpenPack>& pack : open_) {
    if (const std::optional<PackEntry> entry = pack->Find(digest)) {
      return PackLocation{*entry, pack->file(), nullptr};
    }
  }
  return std::nullopt;
}

absl::StatusOr<std::optional<PackLocation>> ChunkStore::Find(const Digest& digest) {
  std::optional<PackLocation> location = FindKnown(digest);
  if (!location.has_value()) {
    WAYBILL_RETURN_IF_ERROR(Refresh());
    location = FindKnown(digest);
  }
  return location;
}

absl::StatusOr<bool> ChunkStore::Contains(const Digest& digest) {
  WAYBILL_ASSIGN_OR_RETURN(const std::optional<PackLocation> location, Find(digest));
  return location.has_value();
}

absl::StatusOr<StoredChunk> ChunkStore::Read(const Digest& digest) {
  StoredChunk chunk;
  std::string buffer;
  WAYBILL_ASSIGN_OR_RETURN(const absl::string_view stored, ReadInto(digest, chunk.facts, buffer));
  chunk.stored = std::string(stored);
  return chunk;
}

absl::Status ChunkStore::ReadPlain(const Chunk& chunk, absl::Span<char> plain) {
  thread_local std::string buffer;  // Memory that was touched once is fast.
  ChunkFacts facts;
  WAYBILL_ASSIGN_OR_RETURN(const absl::string_view stored, ReadInto(chunk.digest, facts, buffer));
  if (facts.plain_bytes != chunk.plain_bytes) {
    return absl::DataLossError(
        absl::StrCat("chunk ", chunk.digest.ToHex(), " is stored with another length"));
  }
  return DecompressAndVerify(facts, stored, plain);
}

absl::StatusOr<absl::string_view> ChunkStore::ReadInto(const Digest& digest, ChunkFacts& facts,
                                                       std::string& buffer) {
  WAYBILL_ASSIGN_OR_RETURN(std::optional<PackLocation> location, Find(digest));
  if (!location.has_value()) return Lacking(digest);
  absl::StatusOr<std::shared_ptr<const tree::File>> file = OpenPackFile(*location);
  if (absl::IsNotFound(file.status())) {
    // The pack was collected since we listed; the chunk may stand in another.
    WAYBILL_RETURN_IF_ERROR(Refresh());
    location = FindKnown(digest);
    if (!location.has_value()) return Lacking(digest);
    file = OpenPackFile(*location);
  }
  WAYBILL_RETURN_IF_ERROR(file.status());
  facts = location->entry.facts;
  return ReadPackRecord(**file, location->entry, buffer);
}

absl::StatusOr<std::shared_ptr<const tree::File>> ChunkStore::OpenPackFile(
    const PackLocation& location) {
  if (location.file != nullptr) return location.file;
  WAYBILL_ASSIGN_OR_RETURN(tree::File opened,
                           packs_directory_.OpenFile(PackName(location.sealed->uuid)));
  auto file = std::make_shared<const tree::File>(std::move(opened));
  const MutexLock lock(mutex_);
  sealed_.KeepFile(*location.sealed, file);
  return file;
}

absl::StatusOr<std::vector<bool>> ChunkStore::Missing(const ChunkList& chunks,
                                                      const PackWriter* own) {
  // First of all, not only when something lacks: another process may have collected a pack that we
  // still know, and whoever asks is about to promise that the chunks stand.
  WAYBILL_RETURN_IF_ERROR(Refresh());
  std::vector<bool> missing(chunks.size(), false);
  for (size_t i = 0; i < chunks.size(); ++i) {
    const Digest& digest = chunks[i].digest;
    missing[i] =
        !FindSealed(digest).has_value() && (own == nullptr || !own->Find(digest).has_value());
  }
  return missing;
}

}  // namespace waybill::content
