// The receiving side of the protocol, spoken to message by message.

#include <algorithm>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "absl/strings/str_cat.h"

#include "common/content/import.h"
#include "common/content/test_content.h"
#include "common/jobdb/database.h"
#include "common/jobdb/test_database.h"
#include "common/rpc/call_context.h"
#include "common/rpc/stream.h"
#include "common/status/status_matchers.h"
#include "common/thread/executor.h"
#include "common/tree/test_directory.h"
#include "services/despooler/receive_store.h"
#include "services/despooler/test_instruction.h"
#include "services/despooler/transfer_service.h"

#include "despooler_sql.h"
#include "waybill/transfer/v1/transfer_service.pb.h"

namespace waybill::despooler {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using transfer::v1::TransferRequest;
using transfer::v1::TransferResponse;

constexpr auto kInvalid = absl::StatusCode::kInvalidArgument;

class ScriptedSource final : public rpc::Source<TransferRequest> {
 public:
  explicit ScriptedSource(std::deque<TransferRequest> script) : script_(std::move(script)) {}

  absl::StatusOr<bool> Read(TransferRequest& message, absl::Duration /*limit*/) override {
    return Read(message);
  }
  absl::StatusOr<bool> Read(TransferRequest& message) override {
    if (script_.empty()) return false;
    message = std::move(script_.front());
    script_.pop_front();
    return true;
  }

 private:
  std::deque<TransferRequest> script_;
};

class CollectingSink final : public rpc::Sink<TransferResponse> {
 public:
  bool Write(TransferResponse message) override {
    said.push_back(std::move(message));
    return true;
  }
  std::vector<TransferResponse> said;
};

/// Site NYC receives a version that site CEN, in another store, has imported.
class TransferSessionTest : public testing::Test {
 protected:
  TransferSessionTest() {
    db_.Execute(
        "INSERT INTO waybill.self (site_code, parent_site_code) VALUES ('NYC', 'CEN');"
        "INSERT INTO waybill.distribution_server VALUES ('NYC', 'DS1')");
    const tree::Directory source = directory_.Open().MakeDirectories("source").value();
    EXPECT_TRUE(source.WriteFile("setup.bin", content::RandomBytes(900'000, 1)).ok());
    content::ImportOptions options;
    options.package_id = "CEN00001";
    content::ImportResult imported = content::ImportTree(source, *theirs_, options).value();
    version_ = imported.manifest.Commit().value();
    manifest_ = ReadAll(theirs_->manifests().Get(version_).value());
    index_ = content::IndexManifest(content::Manifest::FromString(manifest_)).value();
    plain_bytes_ = static_cast<std::int64_t>(imported.totals.plain_bytes);
    stored_bytes_ = static_cast<std::int64_t>(imported.stored_bytes);
    EXPECT_GE(index_.chunks.size(), 3u);
  }

  static std::string ReadAll(const content::Manifest& manifest) {
    std::string bytes(manifest.SizeBytes().value(), '\0');
    EXPECT_EQ(manifest.NewSource()->Read(absl::MakeSpan(bytes)).value(), bytes.size());
    return bytes;
  }

  // The messages of a good transfer, for tests to spoil.
  TransferRequest Open() const {
    TransferRequest request;
    transfer::v1::Open& open = *request.mutable_open();
    open.set_sender_site_code("CEN");
    open.set_send_request_id(1);
    open.set_fence(1);
    open.set_job_id("CEN00001");
    open.set_revision(1);
    open.set_package_id("CEN00001");
    open.set_version(std::string(version_.bytes()));
    open.set_manifest_bytes(static_cast<std::int64_t>(manifest_.size()));
    open.set_plain_bytes(plain_bytes_);
    open.set_stored_bytes(stored_bytes_);
    return request;
  }
  TransferRequest Instruct() const {
    TransferRequest request;
    *request.mutable_instruction() = TestInstruction();
    request.mutable_instruction()->mutable_spec()->set_version(version_.ToHex());
    return request;
  }
  static TransferRequest Targets() {
    TransferRequest request;
    request.mutable_target_part()->add_targets()->set_sms_id("NYC00001");
    request.mutable_target_part()->mutable_targets(0)->set_site_code("NYC");
    return request;
  }
  static TransferRequest InstructionEnd(std::int64_t count) {
    TransferRequest request;
    request.mutable_instruction_end()->set_target_count(count);
    return request;
  }
  static TransferRequest ManifestPart(std::string data, bool last) {
    TransferRequest request;
    request.mutable_manifest_part()->set_data(std::move(data));
    request.mutable_manifest_part()->set_last(last);
    return request;
  }
  TransferRequest Chunk(std::size_t index) const {
    const content::StoredChunk stored = theirs_->Read(index_.chunks[index].digest).value();
    TransferRequest request;
    transfer::v1::Chunk& chunk = *request.mutable_chunks()->add_chunks();
    chunk.set_index(static_cast<std::int64_t>(index));
    chunk.set_representation(static_cast<std::int32_t>(stored.facts.representation));
    chunk.set_stored(stored.stored);
    return request;
  }
  static TransferRequest Commit() {
    TransferRequest request;
    request.mutable_commit();
    return request;
  }
  std::deque<TransferRequest> Beginning() const {
    return {Open(), Instruct(), Targets(), InstructionEnd(1), ManifestPart(manifest_, true)};
  }
  std::deque<TransferRequest> Whole() const {
    std::deque<TransferRequest> script = Beginning();
    for (std::size_t i = 0; i < index_.chunks.size(); ++i) script.push_back(Chunk(i));
    script.push_back(Commit());
    return script;
  }

  absl::Status Receive(std::deque<TransferRequest> script) {
    ScriptedSource source(std::move(script));
    sink_.said.clear();
    SpaceLedger space(directory_.Open(), Drives(), reserve_bytes_);
    TransferService service(
        {.store = store_,
         .chunks = *ours_,
         .space = space,
         .streams = streams_,
         .notify = [&](absl::string_view channel) { notified_.emplace_back(channel); }},
        {.credit_bytes = 300'000});
    const rpc::CallContext call(
        {.role = rpc::Role::kService, .site_code = "CEN", .name = "sender"});
    return service.Receive(call, source, sink_);
  }
  std::vector<tree::Directory> Drives() const {
    std::vector<tree::Directory> drives;
    drives.push_back(directory_.Open());
    return drives;
  }
  std::vector<bool> MissingAsSaid() const {
    std::vector<bool> missing;
    for (const TransferResponse& response : sink_.said) {
      for (const char byte : response.missing_part().bitmap()) {
        for (int bit = 0; bit < 8; ++bit) missing.push_back((byte >> bit & 1) != 0);
      }
    }
    missing.resize(index_.chunks.size());
    return missing;
  }
  std::string Jobs() const { return db_.QueryText("SELECT count(*) FROM waybill.job"); }
  std::unique_ptr<content::ChunkStore> OpenStore(absl::string_view name) const {
    return content::ChunkStore::Open(directory_.Open().MakeDirectories(name).value()).value();
  }

  const jobdb::TestDatabase db_;
  const std::unique_ptr<jobdb::Database> database_ =
      jobdb::Database::Open({.uri = db_.uri()}, sql::kAll).value();
  ReceiveStore store_{*database_};
  const tree::TestDirectory directory_;
  const std::unique_ptr<content::ChunkStore> theirs_ = OpenStore("theirs");
  std::unique_ptr<content::ChunkStore> ours_ = OpenStore("ours");
  Executor streams_{1, 1};
  std::int64_t reserve_bytes_ = 1;
  std::vector<std::string> notified_;
  CollectingSink sink_;
  content::Digest version_;
  std::string manifest_;
  content::ManifestIndex index_;
  std::int64_t plain_bytes_ = 0;
  std::int64_t stored_bytes_ = 0;
};

TEST_F(TransferSessionTest, AWholeTransferIsAcceptedAskedForAcknowledgedAndCommitted) {
  ASSERT_THAT(Receive(Whole()), IsOk());
  ASSERT_GE(sink_.said.size(), 4u);
  EXPECT_EQ(sink_.said[0].accepted().credit_bytes(), 300'000);
  EXPECT_FALSE(sink_.said[0].accepted().manifest_held());
  EXPECT_EQ(MissingAsSaid(), std::vector<bool>(index_.chunks.size(), true));
  EXPECT_TRUE(sink_.said[2].has_ack());
  EXPECT_GE(sink_.said[2].ack().durable_bytes(), 150'000);
  EXPECT_EQ(sink_.said.back().committed().received_bytes(), stored_bytes_);
  EXPECT_EQ(sink_.said.back().committed().received_chunk_count(), std::ssize(index_.chunks));
  EXPECT_EQ(Jobs(), "1");
  EXPECT_THAT(notified_, ElementsAre("waybill_distribute", "waybill_definition", "waybill_job",
                                     "waybill_outbox"));
  EXPECT_EQ(db_.QueryText("SELECT count(*) FROM waybill.pin"), "0");
}

TEST_F(TransferSessionTest, TheSameAgainFindsTheManifestHeldAndNothingMissing) {
  ASSERT_THAT(Receive(Whole()), IsOk());
  ASSERT_THAT(Receive({Open(), Instruct(), Targets(), InstructionEnd(1), Commit()}), IsOk());
  EXPECT_TRUE(sink_.said[0].accepted().manifest_held());
  EXPECT_EQ(MissingAsSaid(), std::vector<bool>(index_.chunks.size(), false));
  EXPECT_EQ(sink_.said.back().committed().received_bytes(), 0);
}

TEST_F(TransferSessionTest, ABrokenStreamKeepsWhatCameAndThePin) {
  std::deque<TransferRequest> script = Beginning();
  script.push_back(Chunk(0));
  EXPECT_THAT(Receive(script), StatusIs(absl::StatusCode::kCancelled));
  EXPECT_EQ(Jobs(), "0");
  EXPECT_EQ(db_.QueryText("SELECT pin_id FROM waybill.pin WHERE end_time > now()"),
            "transfer/CEN/1");
  EXPECT_THAT(Receive(Beginning()), StatusIs(kInvalid));  // The manifest is held by now.
  std::vector<bool> expected(index_.chunks.size(), true);
  expected[0] = false;
  EXPECT_EQ(MissingAsSaid(), expected);
}

TEST_F(TransferSessionTest, AMessageOutOfTurnIsRefusedByName) {
  const auto refusal = [&](std::deque<TransferRequest> script) {
    const absl::Status status = Receive(std::move(script));
    EXPECT_THAT(status, StatusIs(kInvalid));
    return std::string(status.message());
  };
  EXPECT_THAT(refusal({Commit()}), HasSubstr("got commit where open"));
  EXPECT_THAT(refusal({TransferRequest()}), HasSubstr("got an empty message where open"));
  EXPECT_THAT(refusal({Open(), Open()}), HasSubstr("got open where instruction"));
  EXPECT_THAT(refusal({Open(), Instruct(), Commit()}), HasSubstr("got commit where target_part"));
  EXPECT_THAT(refusal({Open(), Instruct(), InstructionEnd(0), Chunk(0)}),
              HasSubstr("got chunks where manifest_part"));
  std::deque<TransferRequest> script = Beginning();
  script.push_back(ManifestPart("x", true));
  EXPECT_THAT(refusal(script), HasSubstr("got manifest_part where chunks or commit"));
  EXPECT_EQ(Jobs(), "0");
}

TEST_F(TransferSessionTest, EachBadFieldOfOpenIsRefusedByName) {
  using Spoil = std::function<void(transfer::v1::Open&)>;
  const std::vector<std::pair<std::string, Spoil>> cases = {
      {"sender_site_code", [](auto& o) { o.set_sender_site_code("x"); }},
      {"send_request_id", [](auto& o) { o.set_send_request_id(0); }},
      {"fence", [](auto& o) { o.set_fence(-1); }},
      {"job_id", [](auto& o) { o.set_job_id("CEN1"); }},
      {"revision", [](auto& o) { o.set_revision(0); }},
      {"package_id", [](auto& o) { o.set_package_id("../etc"); }},
      {"version", [](auto& o) { o.set_version("short"); }},
      {"manifest_bytes", [](auto& o) { o.set_manifest_bytes(0); }},
      {"manifest_bytes", [](auto& o) { o.set_manifest_bytes(1LL << 62); }},
      {"plain_bytes", [](auto& o) { o.set_plain_bytes(-1); }},
      {"stored_bytes", [](auto& o) { o.set_stored_bytes(INT64_MAX); }}};
  for (const auto& [field, spoil] : cases) {
    TransferRequest open = Open();
    spoil(*open.mutable_open());
    const absl::Status status = Receive({open, Instruct()});
    EXPECT_THAT(status, StatusIs(kInvalid)) << field;
    EXPECT_THAT(std::string(status.message()), HasSubstr("open." + field));
  }
}

TEST_F(TransferSessionTest, AnInstructionThatContradictsOpenOrItselfIsRefused) {
  TransferRequest other_job = Instruct();
  other_job.mutable_instruction()->set_job_id("CEN00002");
  EXPECT_THAT(Receive({Open(), other_job}), StatusIs(kInvalid));
  TransferRequest other_version = Instruct();
  other_version.mutable_instruction()->mutable_spec()->set_version(TestVersion());
  EXPECT_THAT(Receive({Open(), other_version}), StatusIs(kInvalid));
  EXPECT_THAT(Receive({Open(), Instruct(), Targets(), InstructionEnd(2)}), StatusIs(kInvalid));
  TransferRequest elsewhere = Targets();
  elsewhere.mutable_target_part()->mutable_targets(0)->set_site_code("BOS");
  EXPECT_THAT(Receive({Open(), Instruct(), elsewhere}), StatusIs(kInvalid));
}

TEST_F(TransferSessionTest, AManifestThatIsNotTheVersionIsRefusedAndNotKept) {
  const auto receive = [&](const std::string& manifest, const TransferRequest& open) {
    return Receive({open, Instruct(), InstructionEnd(0), ManifestPart(manifest, true), Commit()});
  };
  std::string flipped = manifest_;
  flipped[40] =
      static_cast<char>(flipped[40] ^ 1);  // In a time: a good manifest, of another version.
  EXPECT_THAT(receive(flipped, Open()),
              testing::AnyOf(StatusIs(absl::StatusCode::kDataLoss), StatusIs(kInvalid)));
  EXPECT_THAT(receive(manifest_.substr(0, manifest_.size() - 1), Open()),
              StatusIs(absl::StatusCode::kDataLoss));
  EXPECT_THAT(receive(manifest_ + "x", Open()), StatusIs(kInvalid));
  EXPECT_THAT(receive("", Open()), StatusIs(absl::StatusCode::kDataLoss));
  TransferRequest open = Open();
  open.mutable_open()->set_plain_bytes(1);
  EXPECT_THAT(receive(manifest_, open), StatusIs(kInvalid));
  EXPECT_THAT(ours_->manifests().List().value(), IsEmpty());
  EXPECT_EQ(Jobs(), "0");
}

TEST_F(TransferSessionTest, AManifestOfAnotherPackageIsRefused) {
  TransferRequest open = Open();
  open.mutable_open()->set_package_id("CEN00002");
  TransferRequest instruct = Instruct();
  instruct.mutable_instruction()->mutable_spec()->set_package_id("CEN00002");
  EXPECT_THAT(Receive({open, instruct, InstructionEnd(0), ManifestPart(manifest_, true)}),
              StatusIs(kInvalid));
  EXPECT_THAT(ours_->manifests().List().value(), IsEmpty());
}

TEST_F(TransferSessionTest, EmptyManifestPartsAreNotTakenForProgress) {
  EXPECT_THAT(Receive({Open(), Instruct(), InstructionEnd(0), ManifestPart("", false)}),
              StatusIs(kInvalid));
}

TEST_F(TransferSessionTest, ABadChunkEndsTheTransferAndWhatCameBeforeStays) {
  std::deque<TransferRequest> script = Beginning();
  script.push_back(Chunk(0));
  script.push_back(Chunk(1));
  std::string& stored = *script.back().mutable_chunks()->mutable_chunks(0)->mutable_stored();
  stored[7] = static_cast<char>(stored[7] ^ 1);
  EXPECT_THAT(Receive(script), StatusIs(absl::StatusCode::kDataLoss));
  EXPECT_TRUE(ours_->Contains(index_.chunks[0].digest).value());
  EXPECT_FALSE(ours_->Contains(index_.chunks[1].digest).value());
  EXPECT_EQ(Jobs(), "0");
}

TEST_F(TransferSessionTest, ChunksThatNobodyAskedForAndEmptyMessagesAreRefused) {
  std::deque<TransferRequest> twice = Beginning();
  twice.push_back(Chunk(0));
  twice.push_back(Chunk(0));
  EXPECT_THAT(Receive(twice), StatusIs(kInvalid));
  TransferRequest empty;
  empty.mutable_chunks();
  EXPECT_THAT(Receive({Open(), Instruct(), InstructionEnd(0), empty}), StatusIs(kInvalid));
}

TEST_F(TransferSessionTest, ACommitWhileChunksAreMissingIsRefused) {
  std::deque<TransferRequest> script = Beginning();
  script.push_back(Chunk(0));
  script.push_back(Commit());
  const absl::Status status = Receive(script);
  EXPECT_THAT(status, StatusIs(kInvalid));
  EXPECT_THAT(std::string(status.message()), HasSubstr("chunks are missing"));
  EXPECT_EQ(Jobs(), "0");
}

TEST_F(TransferSessionTest, WithoutRoomItSaysWhatIsNeededAndEndsWell) {
  reserve_bytes_ = std::int64_t{1} << 60;
  EXPECT_THAT(Receive(Whole()), IsOk());
  const transfer::v1::Refused& refused = sink_.said.back().refused();
  EXPECT_EQ(refused.reason(), transfer::v1::Refused::REASON_INSUFFICIENT_SPACE);
  EXPECT_EQ(refused.needed_bytes(), std::min(plain_bytes_, stored_bytes_));
  EXPECT_EQ(refused.available_bytes(), 0);
  EXPECT_EQ(Jobs(), "0");
  reserve_bytes_ = 1;
  EXPECT_THAT(Receive({Open(), Instruct(), InstructionEnd(0)}),
              StatusIs(absl::StatusCode::kCancelled));
  EXPECT_TRUE(sink_.said[0].accepted().manifest_held());
}

TEST_F(TransferSessionTest, AnInstructionAloneNeedsNeitherRoomNorManifest) {
  reserve_bytes_ = std::int64_t{1} << 60;
  TransferRequest open = Open();
  open.mutable_open()->clear_version();
  EXPECT_THAT(Receive({open, Instruct(), Targets(), InstructionEnd(1), Commit()}), IsOk());
  EXPECT_TRUE(sink_.said.back().has_committed());
  EXPECT_EQ(Jobs(), "1");
}

TEST_F(TransferSessionTest, AManifestThatTheDiskGarbledIsAskedForAgain) {
  ASSERT_THAT(Receive(Whole()), IsOk());
  const tree::Directory manifests = directory_.Open().OpenDirectory("ours/manifests").value();
  ASSERT_THAT(manifests.WriteFile(version_.ToHex(), "garbage"), IsOk());
  std::deque<TransferRequest> script = Beginning();
  script.push_back(Commit());
  ASSERT_THAT(Receive(script), IsOk());
  EXPECT_FALSE(sink_.said[0].accepted().manifest_held());
  EXPECT_EQ(ReadAll(ours_->manifests().Get(version_).value()), manifest_);
}

TEST_F(TransferSessionTest, VerifyingReadsWhatIsHeldAndAsksForBrokenChunksAgain) {
  ASSERT_THAT(Receive(Whole()), IsOk());
  const tree::Directory packs = directory_.Open().OpenDirectory("ours/packs").value();
  const std::vector<tree::Entry> entries = packs.List().value();
  const auto pack = std::find_if(entries.begin(), entries.end(), [](const tree::Entry& entry) {
    return entry.name.ends_with(".pack");
  });
  ASSERT_NE(pack, entries.end());
  tree::File file = packs.OpenReadWrite(pack->name).value();
  ASSERT_THAT(file.WriteFull(pack->info.size_bytes - 1000, "a bad sector"), IsOk());
  TransferRequest open = Open();
  open.mutable_open()->set_verify_held(true);
  std::deque<TransferRequest> script = {open, Instruct(), InstructionEnd(0)};
  script.push_back(Chunk(index_.chunks.size() - 1));
  script.push_back(Commit());
  ASSERT_THAT(Receive(script), IsOk());
  std::vector<bool> expected(index_.chunks.size(), false);
  expected.back() = true;
  EXPECT_EQ(MissingAsSaid(), expected);
  EXPECT_EQ(sink_.said.back().committed().received_chunk_count(), 1);
  const content::Chunk& chunk = index_.chunks[index_.chunks.size() - 1];
  std::string plain(chunk.plain_bytes, '\0');
  EXPECT_THAT(ours_->ReadPlain(chunk, absl::MakeSpan(plain)), IsOk());
}

}  // namespace
}  // namespace waybill::despooler
