// Packs through their whole life: put, synced, sealed, lost, recovered, collected.

#include "common/content/pack_writer.h"

#include <algorithm>
#include <csignal>
#include <cstddef>
#include <memory>
#include <set>
#include <string>
#include <thread>
#include <unistd.h>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/wait.h>

#include "absl/status/status.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/types/span.h"

#include "common/content/chunk_store.h"
#include "common/content/limits.h"
#include "common/content/test_content.h"
#include "common/status/status_matchers.h"

namespace waybill::content {
namespace {

bool Never() {
  return false;
}

class PackWriterTest : public ContentTest {
 protected:
  static absl::Status Put(PackWriter& writer, const StoredChunk& chunk) {
    return writer.Put(chunk.facts, chunk.stored);
  }

  std::vector<std::string> PackFiles(absl::string_view suffix) const {
    std::vector<std::string> names;
    const std::vector<tree::Entry> entries = PacksDirectory().List().value();
    for (const tree::Entry& entry : entries) {
      if (absl::EndsWith(entry.name, suffix)) names.push_back(entry.name);
    }
    return names;
  }

  tree::Directory PacksDirectory() const {
    return directory.Open().OpenDirectory("store/packs").value();
  }

  // The pack of a writer that died: its bytes under an unlocked name without an index.
  void AddDeadPack(absl::string_view bytes) const {
    ASSERT_TRUE(PacksDirectory().WriteFile("0123456789abcdef0123456789abcdef.pack", bytes).ok());
  }

  void RemovePacks() {
    store = nullptr;
    ASSERT_TRUE(directory.Open().RemoveTree("store").ok());
    ASSERT_TRUE(directory.Open().MakeDirectories("store/packs").ok());
  }
};

TEST_F(PackWriterTest, AChunkInAnOpenPackIsSeenByItsProcessAndNotByOthers) {
  const StoredChunk chunk = RawChunk(RandomBytes(5000, 1));
  const std::unique_ptr<PackWriter> writer = store->NewWriter();
  ASSERT_THAT(Put(*writer, chunk), IsOk());
  EXPECT_EQ(store->Read(chunk.facts.digest)->stored, chunk.stored);
  const std::unique_ptr<ChunkStore> other = OpenStore();
  EXPECT_FALSE(other->Contains(chunk.facts.digest).value());
  ASSERT_THAT(writer->Seal(), IsOk());
  EXPECT_TRUE(other->Contains(chunk.facts.digest).value());
  EXPECT_EQ(other->Read(chunk.facts.digest)->stored, chunk.stored);
  EXPECT_EQ(store->Read(chunk.facts.digest)->stored, chunk.stored);
}

TEST_F(PackWriterTest, MissingCountsSealedPacksAndOwnOnesOnly) {
  const StoredChunk mine = RawChunk("mine");
  const StoredChunk others = RawChunk("others");
  const StoredChunk sealed = RawChunk("sealed");
  const StoredChunk nowhere = RawChunk("nowhere");
  ChunkList list;
  for (const StoredChunk* chunk : {&mine, &others, &sealed, &nowhere}) {
    ASSERT_THAT(list.Add({chunk->facts.digest, chunk->facts.plain_bytes}), IsOk());
  }
  const std::unique_ptr<PackWriter> own = store->NewWriter();
  const std::unique_ptr<PackWriter> other = store->NewWriter();
  ASSERT_THAT(Put(*own, sealed), IsOk());
  ASSERT_THAT(own->Seal(), IsOk());
  ASSERT_THAT(Put(*own, mine), IsOk());
  ASSERT_THAT(Put(*other, others), IsOk());
  EXPECT_EQ(store->Missing(list, own.get()).value(), std::vector<bool>({false, true, false, true}));
  EXPECT_EQ(store->Missing(list, nullptr).value(), std::vector<bool>({true, true, false, true}));
}

TEST_F(PackWriterTest, AReaderThatMissesListsAgainBeforeItSaysLacking) {
  const std::unique_ptr<ChunkStore> reader = OpenStore();
  const StoredChunk chunk = RawChunk("late");
  EXPECT_THAT(reader->Read(chunk.facts.digest), StatusIs(absl::StatusCode::kNotFound));
  const std::unique_ptr<PackWriter> writer = store->NewWriter();
  ASSERT_THAT(Put(*writer, chunk), IsOk());
  ASSERT_THAT(writer->Seal(), IsOk());
  EXPECT_EQ(reader->Read(chunk.facts.digest)->stored, "late");
}

TEST_F(PackWriterTest, AReaderSurvivesThatAPackIsCollectedUnderIt) {
  const StoredChunk chunk = RawChunk("twice");
  for (int i = 0; i < 2; ++i) {
    const std::unique_ptr<PackWriter> writer = store->NewWriter();
    ASSERT_THAT(Put(*writer, chunk), IsOk());
  }
  const std::vector<std::string> packs = PackFiles(".pack");
  ASSERT_EQ(packs.size(), 2);
  for (const std::string& first_to_go : packs) {
    const std::unique_ptr<ChunkStore> reader = OpenStore();
    ASSERT_TRUE(PacksDirectory().Rename(first_to_go, PacksDirectory(), "aside").ok());
    EXPECT_EQ(reader->Read(chunk.facts.digest)->stored, "twice");
    ASSERT_TRUE(PacksDirectory().Rename("aside", PacksDirectory(), first_to_go).ok());
  }
}

TEST_F(PackWriterTest, BadLengthsAreRefusedBeforeAnythingIsWritten) {
  const std::unique_ptr<PackWriter> writer = store->NewWriter();
  StoredChunk chunk = RawChunk("abc");
  chunk.facts.plain_bytes = 4;
  EXPECT_THAT(Put(*writer, chunk), StatusIs(absl::StatusCode::kInvalidArgument));
  chunk.facts.plain_bytes = kChunkBytesMax + 1;
  EXPECT_THAT(Put(*writer, chunk), StatusIs(absl::StatusCode::kInvalidArgument));
  EXPECT_TRUE(PackFiles(".pack").empty());
}

TEST_F(PackWriterTest, AFullPackIsSealedAndTheNextOneBegins) {
  const std::unique_ptr<PackWriter> writer = store->NewWriter();
  for (uint32_t i = 0; i < kPackEntriesMax + 10; ++i) {
    ASSERT_THAT(Put(*writer, RawChunk(absl::StrCat("chunk ", i))), IsOk());
  }
  EXPECT_EQ(PackFiles(".idx").size(), 1);
  EXPECT_EQ(PackFiles(".pack").size(), 2);
  ASSERT_THAT(writer->Seal(), IsOk());
  const std::unique_ptr<ChunkStore> other = OpenStore();
  for (uint32_t i = 0; i < kPackEntriesMax + 10; i += 97) {
    EXPECT_TRUE(other->Contains(Sha256::Of(absl::StrCat("chunk ", i))).value());
  }
}

TEST_F(PackWriterTest, AnUnlockedPackCutRoundAnyBoundaryKeepsItsWholeRecords) {
  std::vector<StoredChunk> chunks;
  {
    const std::unique_ptr<PackWriter> writer = store->NewWriter();
    for (size_t i = 0; i < 5; ++i) {
      chunks.push_back(RawChunk(RandomBytes(200 + 10 * i, i)));
      ASSERT_THAT(Put(*writer, chunks.back()), IsOk());
    }
  }
  const std::string whole = PacksDirectory().ReadFile(PackFiles(".pack")[0], 1 << 20).value();
  std::vector<size_t> ends = {0};
  for (const StoredChunk& chunk : chunks) {
    ends.push_back(ends.back() + 56 + chunk.stored.size());
  }
  ASSERT_EQ(ends.back(), whole.size());
  std::set<size_t> cuts;
  for (const size_t end : ends) {
    // Round the end of a record, and round the end of the header that follows it.
    for (const size_t near : {end, end + 1, end + 55, end + 56, end + 57, end + 255}) {
      cuts.insert(std::min(near, whole.size()));
      if (end > 0) cuts.insert(end - 1);
    }
  }
  for (const size_t cut : cuts) {
    RemovePacks();
    AddDeadPack(whole.substr(0, cut));
    store = OpenStore();
    size_t kept = 0;
    for (size_t i = 0; i < chunks.size(); ++i) {
      const bool is_whole = ends[i + 1] <= cut;
      kept += is_whole ? 1 : 0;
      ASSERT_EQ(store->FindSealed(chunks[i].facts.digest).has_value(), is_whole) << cut;
    }
    ASSERT_EQ(PackFiles(".idx").size(), kept > 0 ? 1 : 0) << cut;
    ASSERT_EQ(PackFiles(".pack").size(), kept > 0 ? 1 : 0) << cut;
    if (kept > 0) {
      ASSERT_EQ(PacksDirectory().Stat(PackFiles(".pack")[0])->size_bytes, ends[kept]);
    }
  }
}

TEST_F(PackWriterTest, ARecordWithAFlippedBitIsLeftOutOfARecoveredPack) {
  const StoredChunk first = RawChunk(RandomBytes(300, 1));
  const StoredChunk second = RawChunk(RandomBytes(300, 2));
  {
    const std::unique_ptr<PackWriter> writer = store->NewWriter();
    ASSERT_THAT(Put(*writer, first), IsOk());
    ASSERT_THAT(Put(*writer, second), IsOk());
  }
  const std::string whole = PacksDirectory().ReadFile(PackFiles(".pack")[0], 1 << 20).value();
  for (size_t at = 0; at < 356; at += at < 60 ? 3 : 37) {
    std::string torn = whole;
    torn[at] = static_cast<char>(torn[at] ^ 4);
    RemovePacks();
    AddDeadPack(torn);
    store = OpenStore();
    ASSERT_FALSE(store->FindSealed(first.facts.digest).has_value()) << at;
    // A scan goes on behind a payload that is torn, not behind a header that is.
    ASSERT_EQ(store->FindSealed(second.facts.digest).has_value(), at >= 56) << at;
  }
}

TEST_F(PackWriterTest, ABrokenIndexIsMadeAnewFromItsPack) {
  const StoredChunk chunk = RawChunk(RandomBytes(300, 1));
  {
    const std::unique_ptr<PackWriter> writer = store->NewWriter();
    ASSERT_THAT(Put(*writer, chunk), IsOk());
  }
  const std::string name = PackFiles(".idx")[0];
  const std::string good = PacksDirectory().ReadFile(name, 1 << 20).value();
  for (size_t at = 0; at < good.size(); at += 5) {
    std::string bad = good;
    bad[at] = static_cast<char>(bad[at] ^ 1);
    ASSERT_TRUE(PacksDirectory().WriteFile(name, bad, {.durable = false}).ok());
    const std::unique_ptr<ChunkStore> other = OpenStore();
    ASSERT_EQ(other->Read(chunk.facts.digest)->stored, chunk.stored) << at;
    ASSERT_EQ(PacksDirectory().ReadFile(name, 1 << 20).value(), good) << at;
  }
}

TEST_F(PackWriterTest, ABitThatRotsInASealedPackIsFoundWhenItIsRead) {
  const StoredChunk chunk = RawChunk(RandomBytes(300, 1));
  {
    const std::unique_ptr<PackWriter> writer = store->NewWriter();
    ASSERT_THAT(Put(*writer, chunk), IsOk());
  }
  tree::File pack = PacksDirectory().OpenReadWrite(PackFiles(".pack")[0]).value();
  std::string plain(300, '\0');
  const Chunk wanted{chunk.facts.digest, 300};
  ASSERT_THAT(store->ReadPlain(wanted, absl::MakeSpan(plain.data(), 300)), IsOk());
  EXPECT_EQ(plain, chunk.stored);
  ASSERT_TRUE(pack.WriteFull(100, "rot").ok());
  EXPECT_THAT(store->ReadPlain(wanted, absl::MakeSpan(plain.data(), 300)),
              StatusIs(absl::StatusCode::kDataLoss));
  ASSERT_TRUE(pack.WriteFull(10, "rot").ok());
  EXPECT_THAT(store->Read(chunk.facts.digest), StatusIs(absl::StatusCode::kDataLoss));
}

TEST_F(PackWriterTest, AnIndexWithoutItsPackPromisesNothing) {
  const StoredChunk chunk = RawChunk("gone");
  {
    const std::unique_ptr<PackWriter> writer = store->NewWriter();
    ASSERT_THAT(Put(*writer, chunk), IsOk());
  }
  ASSERT_TRUE(PacksDirectory().Remove(PackFiles(".pack")[0]).ok());
  EXPECT_FALSE(OpenStore()->Contains(chunk.facts.digest).value());
}

TEST_F(PackWriterTest, CollectionRemovesDeadPacksAndNoLiveOrOpenOne) {
  const StoredChunk live = RawChunk("live");
  const StoredChunk dead = RawChunk("dead");
  const StoredChunk open = RawChunk("open");
  for (const StoredChunk* chunk : {&live, &dead}) {
    const std::unique_ptr<PackWriter> writer = store->NewWriter();
    ASSERT_THAT(Put(*writer, *chunk), IsOk());
  }
  const std::unique_ptr<PackWriter> writer = store->NewWriter();
  ASSERT_THAT(Put(*writer, open), IsOk());
  const absl::StatusOr<ChunkStore::Collected> collected =
      store->Collect([&](const Digest& digest) { return digest == live.facts.digest; }, Never);
  ASSERT_THAT(collected, IsOk());
  EXPECT_EQ(collected->freed_bytes, 56 + 4);
  EXPECT_TRUE(collected->is_complete);
  EXPECT_TRUE(store->Contains(live.facts.digest).value());
  EXPECT_FALSE(store->Contains(dead.facts.digest).value());
  EXPECT_TRUE(store->Contains(open.facts.digest).value());
  EXPECT_EQ(PackFiles(".pack").size(), 2);
}

TEST_F(PackWriterTest, CollectionPausesBehindAnyPackAndGoesOnWithTheNextCall) {
  for (const char* text : {"one", "two"}) {
    const std::unique_ptr<PackWriter> writer = store->NewWriter();
    ASSERT_THAT(Put(*writer, RawChunk(text)), IsOk());
  }
  const auto dead = [](const Digest& /*digest*/) { return false; };
  EXPECT_FALSE(store->Collect(dead, [] { return true; })->is_complete);
  EXPECT_EQ(PackFiles(".pack").size(), 1);
  EXPECT_TRUE(store->Collect(dead, Never)->is_complete);
  EXPECT_EQ(PackFiles(".pack").size(), 0);
}

TEST_F(PackWriterTest, MissingSaysWhatAnotherProcessCollectedThoughItWasKnownBefore) {
  const StoredChunk chunk = RawChunk("collected");
  {
    const std::unique_ptr<PackWriter> writer = store->NewWriter();
    ASSERT_THAT(Put(*writer, chunk), IsOk());
  }
  ChunkList list;
  ASSERT_THAT(list.Add({chunk.facts.digest, chunk.facts.plain_bytes}), IsOk());
  ASSERT_EQ(store->Missing(list, nullptr).value(), std::vector<bool>({false}));
  const std::unique_ptr<ChunkStore> collector = OpenStore();
  ASSERT_THAT(collector->Collect([](const Digest& /*digest*/) { return false; }, Never), IsOk());
  EXPECT_EQ(store->Missing(list, nullptr).value(), std::vector<bool>({true}));
}

TEST_F(PackWriterTest, TwoThreadsWriteAndReadOneStoreAtOnce) {
  const auto work = [this](int number) {
    const std::unique_ptr<PackWriter> writer = store->NewWriter();
    for (int i = 0; i < 300; ++i) {
      const StoredChunk chunk = RawChunk(absl::StrCat(number, " ", i));
      ASSERT_THAT(Put(*writer, chunk), IsOk());
      if (i % 50 == 49) {
        ASSERT_THAT(writer->Seal(), IsOk());
      }
      ASSERT_THAT(store->Read(chunk.facts.digest), IsOk());
    }
  };
  std::thread first(work, 1);
  std::thread second(work, 2);
  first.join();
  second.join();
  EXPECT_EQ(PackFiles(".idx").size(), 12);
}

// A writer in another process that never stops by itself: puts, syncs, and tells through the pipe
// what it has synced.
[[noreturn]] void WriteForEver(const std::string& path, int number, int pipe_end) {
  const auto store = ChunkStore::Open(tree::Directory::Open(path).value()).value();
  const std::unique_ptr<PackWriter> writer = store->NewWriter();
  for (int i = 0;; ++i) {
    const StoredChunk chunk =
        RawChunk(RandomBytes(3000, static_cast<uint64_t>(number * 100'000 + i)));
    if (!writer->Put(chunk.facts, chunk.stored).ok()) _exit(1);
    if (i % 8 != 7) continue;
    if (!(i % 32 == 31 ? writer->Seal() : writer->Sync()).ok()) _exit(1);
    if (write(pipe_end, &i, sizeof(i)) != sizeof(i)) _exit(1);
  }
}

TEST_F(PackWriterTest, WhatWasSyncedSurvivesThatTwoWritersAreKilledAgainAndAgain) {
  for (int round = 0; round < 12; ++round) {
    int synced[2] = {-1, -1};
    int pipes[2][2];
    pid_t writers[2];
    for (int w = 0; w < 2; ++w) {
      ASSERT_EQ(pipe(pipes[w]), 0);
      writers[w] = fork();
      if (writers[w] == 0) WriteForEver(Path("store"), round * 2 + w, pipes[w][1]);
    }
    for (int told = 0; told < 2 + round; ++told) {
      for (int w = 0; w < 2; ++w) {
        ASSERT_EQ(read(pipes[w][0], &synced[w], sizeof(int)), sizeof(int));
      }
    }
    for (int w = 0; w < 2; ++w) {
      kill(writers[w], SIGKILL);
      waitpid(writers[w], nullptr, 0);
      close(pipes[w][0]);
      close(pipes[w][1]);
    }
    const std::unique_ptr<ChunkStore> after = OpenStore();
    for (int w = 0; w < 2; ++w) {
      for (int i = 0; i <= synced[w]; ++i) {
        const std::string plain =
            RandomBytes(3000, static_cast<uint64_t>((round * 2 + w) * 100'000 + i));
        const absl::StatusOr<StoredChunk> chunk = after->Read(Sha256::Of(plain));
        ASSERT_THAT(chunk, IsOk());
        ASSERT_EQ(chunk->stored, plain);
      }
    }
    EXPECT_EQ(PackFiles(".idx").size(), PackFiles(".pack").size());
  }
}

}  // namespace
}  // namespace waybill::content
