#ifndef WAYBILL_TESTS_TRANSFER_TEST_SITE_H_
#define WAYBILL_TESTS_TRANSFER_TEST_SITE_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"

#include "common/clock/clock.h"
#include "common/content/chunk_store.h"
#include "common/content/import.h"
#include "common/jobdb/database.h"
#include "common/jobdb/test_database.h"
#include "common/rpc/listener.h"
#include "common/rpc/stream_calls.h"
#include "common/rpc/test_certificates.h"
#include "common/thread/executor.h"
#include "common/tree/directory.h"
#include "common/tree/test_directory.h"
#include "services/despooler/receive_store.h"
#include "services/despooler/transfer_service.h"
#include "services/sender/send_loop.h"
#include "services/sender/send_store.h"
#include "services/sender/transfer_client.h"

#include "waybill/transfer/v1/transfer_service.grpc.pb.h"

namespace waybill::transfer_tests {

using Source = rpc::Source<transfer::v1::TransferRequest>;
using Sink = rpc::Sink<transfer::v1::TransferResponse>;

/// A Despooler whose streams a test can cut or hold: `tamper`, if set, gets each answer before it
/// goes out, and says whether the stream may go on behind it.
class TamperedService final : public transfer::v1::TransferService::CallbackService {
 public:
  using Tamper = std::function<bool(const transfer::v1::TransferResponse&)>;

  TamperedService(despooler::TransferService& inner, Executor& streams)
      : inner_(inner), streams_(streams) {}

  grpc::ServerBidiReactor<transfer::v1::TransferRequest, transfer::v1::TransferResponse>* Transfer(
      grpc::CallbackServerContext* context) override;

  Tamper tamper;  ///< Set while no stream is open.

 private:
  despooler::TransferService& inner_;
  Executor& streams_;
};

struct SiteOptions {
  std::string site_code;
  std::string parent_site_code = {};  ///< Empty: the central site.
  std::int64_t credit_bytes = 1 << 20;
  std::int64_t reserve_bytes = 1;
};

/// The Sender and the Despooler of one site, in this process but apart as two processes are: each
/// with its own sessions and its own view of the store directory.
class TestSite {
 public:
  TestSite(const SiteOptions& options, rpc::TestCertificates& certificates);
  ~TestSite();

  const std::string& site_code() const { return options_.site_code; }
  const jobdb::TestDatabase& db() const { return db_; }
  std::string endpoint() const { return listener_->address(); }
  content::ChunkStore& store() { return *despooler_chunks_; }
  std::string Query(const std::string& sql) const { return db_.QueryText(sql); }

  /// Makes `child` a child with an address.
  void AddChild(const TestSite& child) const;

  /// Imports a version of `bytes` random bytes as a Scheduler would, with its rows. Returns the
  /// version in hex.
  std::string ImportPackage(const std::string& package_id, std::size_t bytes, std::uint64_t seed);

  /// An active run job from this site with one target at each of `site_codes`, and a request to
  /// each of `neighbours`.
  void AddJob(const std::string& job_id, const std::string& package_id, const std::string& version,
              const std::vector<std::string>& site_codes,
              const std::vector<std::string>& neighbours) const;

  /// Bytes of all packs on the disk.
  std::int64_t PackBytes() const;

  sender::SendLoop& loop() { return *loop_; }
  /// Passes until nothing is under way.
  void RunSends();

  TamperedService& tampered() { return *tampered_; }

 private:
  const SiteOptions options_;
  const jobdb::TestDatabase db_;
  const tree::TestDirectory directory_;
  const clock::RealClock clock_;
  std::unique_ptr<rpc::TlsIdentity> despooler_tls_;
  std::unique_ptr<rpc::TlsIdentity> sender_tls_;
  std::unique_ptr<jobdb::Database> despooler_database_;
  std::unique_ptr<jobdb::Database> sender_database_;
  std::unique_ptr<content::ChunkStore> despooler_chunks_;
  std::unique_ptr<content::ChunkStore> sender_chunks_;
  std::unique_ptr<despooler::ReceiveStore> receive_store_;
  std::unique_ptr<despooler::SpaceLedger> space_;
  std::unique_ptr<Executor> streams_;
  std::unique_ptr<despooler::TransferService> service_;
  std::unique_ptr<TamperedService> tampered_;
  std::unique_ptr<rpc::Listener> listener_;
  std::unique_ptr<sender::SendStore> send_store_;
  std::unique_ptr<sender::TransferClient> client_;
  std::unique_ptr<sender::SendLoop> loop_;
};

}  // namespace waybill::transfer_tests

#endif  // WAYBILL_TESTS_TRANSFER_TEST_SITE_H_
