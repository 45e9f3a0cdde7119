#include "common/content/pack_set.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/hash/hash.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"

#include "common/content/limits.h"

namespace waybill::content {
namespace {

constexpr size_t kTableSizeMin = 1024;  // A power of two, as all sizes of the table.

}  // namespace

std::string PackName(absl::string_view uuid) {
  return absl::StrCat(uuid, ".pack");
}

std::string IndexName(absl::string_view uuid) {
  return absl::StrCat(uuid, ".idx");
}

std::optional<PackEntry> OpenPack::Find(const Digest& digest) const {
  const MutexLock lock(mutex_);
  const auto found = entries_.find(digest);
  return found == entries_.end() ? std::nullopt : std::optional<PackEntry>(found->second);
}

void OpenPack::Add(const PackEntry& entry) {
  const MutexLock lock(mutex_);
  entries_.emplace(entry.facts.digest, entry);
}

std::vector<PackEntry> OpenPack::Entries() const {
  const MutexLock lock(mutex_);
  std::vector<PackEntry> entries;
  entries.reserve(entries_.size());
  for (const auto& [digest, entry] : entries_) {
    entries.push_back(entry);
  }
  return entries;
}

size_t OpenPack::size() const {
  const MutexLock lock(mutex_);
  return entries_.size();
}

void PackSet::Add(std::shared_ptr<SealedPack> pack) {
  if (!by_uuid_.emplace(pack->uuid, pack).second) return;
  packs_.push_back(std::move(pack));
  IndexPack(static_cast<uint32_t>(packs_.size() - 1));
}

void PackSet::KeepOnly(const std::vector<std::string>& uuids) {
  const size_t before = packs_.size();
  std::erase_if(packs_, [&](const auto& pack) {
    return !std::binary_search(uuids.begin(), uuids.end(), pack->uuid);
  });
  if (packs_.size() != before) {
    Rebuild();
  }
}

void PackSet::Remove(absl::string_view uuid) {
  if (std::erase_if(packs_, [&](const auto& pack) { return pack->uuid == uuid; }) != 0) {
    Rebuild();
  }
}

std::optional<PackSet::Found> PackSet::Find(const Digest& digest) const {
  if (table_.empty()) return std::nullopt;
  const size_t mask = table_.size() - 1;
  // Hashed with a seed of this process: digests are chosen by others, who could make them collide.
  for (size_t at = absl::Hash<Digest>()(digest) & mask; table_[at] != 0; at = (at + 1) & mask) {
    const std::shared_ptr<SealedPack>& pack = packs_[table_[at] - 1];
    if (const std::optional<PackEntry> entry = pack->index.Find(digest)) {
      return Found{pack, *entry};
    }
  }
  return std::nullopt;
}

void PackSet::KeepFile(SealedPack& pack, std::shared_ptr<const tree::File> file) {
  if (pack.file != nullptr) return;
  if (open_files_ >= kOpenPacksMax) {
    // Whoever reads one of them holds it by itself. Once in a while is cheaper than an order of
    // use.
    for (const auto& other : packs_) {
      other->file = nullptr;
    }
    open_files_ = 0;
  }
  pack.file = std::move(file);
  ++open_files_;
}

void PackSet::Insert(const Digest& digest, uint32_t pack_number) {
  const size_t mask = table_.size() - 1;
  size_t at = absl::Hash<Digest>()(digest) & mask;
  while (table_[at] != 0) {
    at = (at + 1) & mask;
  }
  table_[at] = pack_number + 1;
}

void PackSet::IndexPack(uint32_t pack_number) {
  const PackIndex& index = packs_[pack_number]->index;
  used_ += index.size();
  if (2 * used_ > table_.size()) {
    Rebuild();
    return;
  }
  for (size_t i = 0; i < index.size(); ++i) {
    Insert(index[i].facts.digest, pack_number);
  }
}

void PackSet::Rebuild() {
  by_uuid_.clear();
  used_ = 0;
  for (const auto& pack : packs_) {
    by_uuid_.emplace(pack->uuid, pack);
    used_ += pack->index.size();
  }
  size_t size = kTableSizeMin;
  while (size < 2 * used_) {
    size *= 2;
  }
  table_.assign(size, 0);
  for (uint32_t number = 0; number < packs_.size(); ++number) {
    const PackIndex& index = packs_[number]->index;
    for (size_t i = 0; i < index.size(); ++i) {
      Insert(index[i].facts.digest, number);
    }
  }
}

}  // namespace waybill::content
