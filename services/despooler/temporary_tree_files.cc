#include "services/despooler/temporary_tree_files.h"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"

#include "common/content/chunk_store.h"
#include "common/content/extract.h"
#include "common/content/manifest.h"
#include "common/content/pack.h"
#include "common/content/progress.h"
#include "common/logging/log.h"
#include "common/random/random_id.h"
#include "common/status/status_macros.h"
#include "common/tree/directory.h"
#include "common/tree/file.h"
#include "services/despooler/placement.h"

namespace waybill::despooler {
namespace {

constexpr char kTemporaryDirectory[] = "waybill.tmp";

std::string LockName(const std::string& name) {
  return absl::StrCat(name, ".lock");
}

// A locked file of that name. A sweep may have removed a new file before it was locked: then the
// lock is on a file without a name, and guards nothing.
absl::StatusOr<tree::File> MakeLock(const tree::Directory& parent, const std::string& name) {
  WAYBILL_ASSIGN_OR_RETURN(tree::File lock, parent.OpenOrCreate(LockName(name), 0600));
  WAYBILL_RETURN_IF_ERROR(lock.TryLock());
  WAYBILL_ASSIGN_OR_RETURN(const tree::FileInfo info, lock.Stat());
  if (info.links == 0) {
    return absl::AbortedError(absl::StrCat("the lock of ", name, " was swept away"));
  }
  return lock;
}

// Whether the maker of the entry is dead; the lock is held until the result goes.
absl::Status RemoveIfDead(const tree::Directory& parent, const std::string& name) {
  const absl::StatusOr<tree::File> lock = MakeLock(parent, name);
  if (absl::IsFailedPrecondition(lock.status()) || absl::IsAborted(lock.status())) {
    return absl::OkStatus();  // Its maker lives, or somebody else sweeps.
  }
  WAYBILL_RETURN_IF_ERROR(lock.status());
  WAYBILL_RETURN_IF_ERROR(parent.RemoveTree(name));
  return parent.Remove(LockName(name));
}

struct OpenDrives {
  std::vector<tree::Directory> directories;
  std::vector<Candidate> candidates;
};

absl::StatusOr<OpenDrives> OpenAll(const SiteDrives& drives) {
  OpenDrives open;
  absl::Status first_error = absl::NotFoundError("no drive is configured");
  for (const std::string& path : drives.directories) {
    absl::StatusOr<tree::Directory> directory = tree::Directory::Open(path);
    const absl::StatusOr<tree::SpaceInfo> space =
        directory.ok() ? drives.measure_space(*directory) : directory.status();
    if (!space.ok()) {
      first_error = open.candidates.empty() ? space.status() : first_error;
      log::Warning("cannot use a drive", {{"directory", path}, {"error", space.status()}});
      continue;
    }
    open.directories.push_back(*std::move(directory));
    open.candidates.push_back({.free_bytes = space->free_bytes});
  }
  if (open.candidates.empty()) {
    return first_error;
  }
  return open;
}

}  // namespace

TemporaryTree::TemporaryTree(tree::Directory parent, std::string name, tree::File lock,
                             tree::Directory directory)
    : parent_(std::move(parent)),
      name_(std::move(name)),
      lock_(std::move(lock)),
      directory_(std::move(directory)) {}

absl::StatusOr<std::unique_ptr<TemporaryTree>> TemporaryTree::Make(const tree::Directory& drive) {
  WAYBILL_ASSIGN_OR_RETURN(tree::Directory parent,
                           drive.MakeDirectories(kTemporaryDirectory, 0700));
  std::string name = RandomId();
  WAYBILL_ASSIGN_OR_RETURN(tree::File lock, MakeLock(parent, name));
  WAYBILL_RETURN_IF_ERROR(parent.MakeDirectory(name, 0700));
  WAYBILL_ASSIGN_OR_RETURN(tree::Directory directory, parent.OpenDirectory(name));
  return std::unique_ptr<TemporaryTree>(
      new TemporaryTree(std::move(parent), std::move(name), std::move(lock), std::move(directory)));
}

TemporaryTree::~TemporaryTree() {
  absl::Status status = parent_.RemoveTree(name_);
  if (status.ok()) {
    status = parent_.Remove(LockName(name_));
  }
  if (!status.ok()) {
    log::Warning("cannot remove a temporary tree", {{"error", status}});
  }
}

absl::Status SweepTemporaryTrees(const tree::Directory& drive) {
  const absl::StatusOr<tree::Directory> parent = drive.OpenDirectory(kTemporaryDirectory);
  if (absl::IsNotFound(parent.status())) {
    return absl::OkStatus();
  }
  WAYBILL_RETURN_IF_ERROR(parent.status());
  WAYBILL_ASSIGN_OR_RETURN(const std::vector<tree::Entry> entries, parent->List());
  for (const tree::Entry& entry : entries) {
    if (entry.info.type != tree::FileType::kDirectory) {
      continue;
    }
    const absl::Status status = RemoveIfDead(*parent, entry.name);
    if (!status.ok()) {
      log::Warning("cannot remove a temporary tree", {{"error", status}});
    }
  }
  return absl::OkStatus();
}

absl::StatusOr<std::unique_ptr<TemporaryTree>> BuildTemporaryTree(
    const SiteDrives& drives, const content::Manifest& manifest, content::ChunkStore& store,
    std::int64_t needed_bytes, const content::WorkOptions& work) {
  WAYBILL_ASSIGN_OR_RETURN(const OpenDrives open, OpenAll(drives));
  WAYBILL_ASSIGN_OR_RETURN(const std::size_t chosen,
                           ChoosePlace(open.candidates, needed_bytes, drives.reserve_bytes,
                                       "the drives of the site server"));
  WAYBILL_ASSIGN_OR_RETURN(std::unique_ptr<TemporaryTree> tree,
                           TemporaryTree::Make(open.directories[chosen]));
  WAYBILL_RETURN_IF_ERROR(content::ExtractTree(manifest, store, tree->directory(), work).status());
  return tree;
}

}  // namespace waybill::despooler
