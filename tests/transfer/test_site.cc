#include "tests/transfer/test_site.h"

#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"

#include "common/content/import.h"
#include "common/content/test_content.h"
#include "common/model/access.h"

#include "despooler_sql.h"
#include "sender_sql.h"

namespace waybill::transfer_tests {
namespace {

class TamperedSink final : public Sink {
 public:
  TamperedSink(Sink& inner, const TamperedService::Tamper& tamper)
      : inner_(inner), tamper_(tamper) {}

  bool Write(transfer::v1::TransferResponse message) override {
    const transfer::v1::TransferResponse seen = message;
    return inner_.Write(std::move(message)) && (!tamper_ || tamper_(seen));
  }

 private:
  Sink& inner_;
  const TamperedService::Tamper& tamper_;
};

std::string SqlArray(const std::vector<std::string>& texts) {
  std::string array = "ARRAY[";
  for (const std::string& text : texts) {
    absl::StrAppend(&array, array.size() > 6 ? ",'" : "'", text, "'");
  }
  return array + "]::text[]";
}

}  // namespace

grpc::ServerBidiReactor<transfer::v1::TransferRequest, transfer::v1::TransferResponse>*
TamperedService::Transfer(grpc::CallbackServerContext* context) {
  return rpc::HandleBidi<transfer::v1::TransferRequest, transfer::v1::TransferResponse>(
      streams_, *context, [this](const rpc::CallContext& call, Source& source, Sink& sink) {
        TamperedSink tampered(sink, tamper);
        return inner_.Receive(call, source, tampered);
      });
}

TestSite::TestSite(const SiteOptions& options, rpc::TestCertificates& certificates)
    : options_(options) {
  const std::string& site = options_.site_code;
  const std::string parent = options_.parent_site_code.empty()
                                 ? "NULL"
                                 : absl::StrCat("'", options_.parent_site_code, "'");
  db_.Execute(absl::StrCat("INSERT INTO waybill.self (site_code, parent_site_code) VALUES ('", site,
                           "',", parent, "); INSERT INTO waybill.site (site_code) VALUES ('", site,
                           "'); INSERT INTO waybill.distribution_server VALUES ('", site,
                           "','DS1'); INSERT INTO waybill.workstation (sms_id, site_code, "
                           "host_name, domain, operating_system) VALUES ('",
                           site, "00001','", site, "','PC1','SALES','windows')"));
  despooler_tls_ = certificates.Load(
      {.role = rpc::Role::kService, .site_code = site, .name = model::kDespoolerName});
  sender_tls_ = certificates.Load(
      {.role = rpc::Role::kService, .site_code = site, .name = model::kSenderName});
  despooler_database_ = jobdb::Database::Open({.uri = db_.uri()}, despooler::sql::kAll).value();
  sender_database_ = jobdb::Database::Open({.uri = db_.uri()}, sender::sql::kAll).value();
  const tree::Directory store = directory_.Open().MakeDirectories("store").value();
  despooler_chunks_ = content::ChunkStore::Open(store).value();
  sender_chunks_ = content::ChunkStore::Open(store).value();
  receive_store_ = std::make_unique<despooler::ReceiveStore>(*despooler_database_);
  std::vector<tree::Directory> drives;
  drives.push_back(directory_.Open());
  space_ = std::make_unique<despooler::SpaceLedger>(directory_.Open(), std::move(drives),
                                                    options_.reserve_bytes);
  streams_ = std::make_unique<Executor>(4, 4);
  service_ = std::make_unique<despooler::TransferService>(
      despooler::TransferService::Deps{.store = *receive_store_,
                                       .chunks = *despooler_chunks_,
                                       .space = *space_,
                                       .streams = *streams_,
                                       .notify = [](absl::string_view) {}},
      despooler::TransferService::Options{.credit_bytes = options_.credit_bytes});
  tampered_ = std::make_unique<TamperedService>(*service_, *streams_);
  listener_ =
      rpc::Listener::Start({.audience = "sites",
                            .address = "127.0.0.1:0",
                            .rules = model::AccessRulesOf("waybill.transfer.v1.TransferService"),
                            .is_site_link = true},
                           *despooler_tls_, {tampered_.get()})
          .value();
  send_store_ = std::make_unique<sender::SendStore>(*sender_database_);
  client_ = sender::MakeTransferClient(site, *sender_tls_, *sender_chunks_);
  loop_ = std::make_unique<sender::SendLoop>(
      sender::SendLoop::Deps{.store = *send_store_,
                             .client = *client_,
                             .clock = clock_,
                             .notify = [](absl::string_view) {},
                             .random = [] { return 0.0; }},
      sender::SendLoop::Options{
          .retry = {.backoff = {.base = absl::ZeroDuration()}}});  // Retries are due at once.
  db_.Execute(absl::StrCat("INSERT INTO waybill.address VALUES ('", site, "','", endpoint(), "')"));
}

TestSite::~TestSite() {
  loop_->Stop();
  streams_->Drain();
  listener_->Shutdown(absl::Seconds(5));
}

void TestSite::AddChild(const TestSite& child) const {
  const std::string& code = child.site_code();
  db_.Execute(absl::StrCat("INSERT INTO waybill.site VALUES ('", code, "','", site_code(),
                           "'); INSERT INTO waybill.address VALUES ('", code, "','",
                           child.endpoint(), "')"));
}

std::string TestSite::ImportPackage(const std::string& package_id, std::size_t bytes,
                                    std::uint64_t seed) {
  const tree::TestDirectory source;
  EXPECT_TRUE(source.Open().WriteFile("setup.bin", content::RandomBytes(bytes, seed)).ok());
  const tree::Directory store = directory_.Open().MakeDirectories("store").value();
  const auto chunks = content::ChunkStore::Open(store).value();
  content::ImportOptions options;
  options.package_id = package_id;
  content::ImportResult result = content::ImportTree(source.Open(), *chunks, options).value();
  const std::string version = result.manifest.Commit().value().ToHex();
  db_.Execute(absl::StrCat(
      "INSERT INTO waybill.package (package_id, request_id, name) VALUES ('", package_id, "','",
      package_id, "','name of ", package_id, "') ON CONFLICT DO NOTHING; ",
      "INSERT INTO waybill.package_version VALUES ('", package_id, "','\\x", version, "','\\x",
      result.totals.content_digest.ToHex(), "',", result.totals.entry_count, ",",
      result.totals.file_count, ",", result.totals.plain_bytes, ",", result.stored_bytes, ",",
      result.manifest_bytes, ")"));
  return version;
}

void TestSite::AddJob(const std::string& job_id, const std::string& package_id,
                      const std::string& version, const std::vector<std::string>& site_codes,
                      const std::vector<std::string>& neighbours) const {
  const std::string sites = absl::StrCat("unnest(", SqlArray(site_codes), ") AS s (site_code)");
  db_.Execute(absl::StrCat(
      "INSERT INTO waybill.job (job_id, origin_site_code, type, package_id, version, priority, "
      "target_kind, start_after, deadline, send_phase, command_name, arguments, platforms, "
      "offer_after, state) VALUES ('",
      job_id, "','", site_code(), "',1,'", package_id, "','\\x", version,
      "',2,1,now(),now() + interval '7 days',1,'install','{setup.bin}','{windows}',now(),2);",
      "INSERT INTO waybill.job_site (job_id, site_code, send_state) SELECT '", job_id,
      "', site_code, 2 FROM ", sites, ";",
      "INSERT INTO waybill.job_target (job_id, sms_id, site_code) SELECT '", job_id,
      "', site_code || '00001', site_code FROM ", sites, ";",
      "INSERT INTO waybill.send_request (job_id, site_code, revision, with_targets, package_id, "
      "version, priority) SELECT '",
      job_id, "', n, 1, true, '", package_id, "', '\\x", version, "', 2 FROM unnest(",
      SqlArray(neighbours), ") AS n"));
}

std::int64_t TestSite::PackBytes() const {
  const tree::Directory packs = directory_.Open().OpenDirectory("store/packs").value();
  std::int64_t bytes = 0;
  const std::vector<tree::Entry> entries = packs.List().value();
  for (const tree::Entry& entry : entries) {
    bytes += entry.info.size_bytes;
  }
  return bytes;
}

void TestSite::RunSends() {
  ASSERT_TRUE(loop_->RunOnce().ok());
  loop_->AwaitIdle();
}

}  // namespace waybill::transfer_tests
