// Fetching over HTTP: from a real nginx, and from servers that do what none should.

#include "services/pcm/http_source.h"

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <random>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "absl/status/status.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "absl/types/span.h"

#include "common/content/byte_stream.h"
#include "common/content/extract.h"
#include "common/content/limits.h"
#include "common/model/definition_file.h"
#include "common/rpc/test_certificates.h"
#include "common/status/status_matchers.h"
#include "common/tree/directory.h"
#include "common/tree/test_directory.h"
#include "services/pcm/package_cache.h"
#include "services/pcm/package_source.h"
#include "services/pcm/test_http_server.h"
#include "services/pcm/test_share.h"
#include "services/pcm/tree_fetch.h"
#include "tests/harness/nginx.h"
#include "tests/harness/tree.h"

namespace waybill::pcm {
namespace {

using ::testing::AllOf;
using ::testing::ContainsRegex;
using ::testing::HasSubstr;
using ::testing::SizeIs;

using harness::Nginx;

const auto kNever = [] { return false; };

// Cannot be cut alike twice: every chunk has other bytes.
std::string RandomBytes(std::size_t count, unsigned seed) {
  std::mt19937 random(seed);
  std::string bytes(count, '\0');
  std::generate(bytes.begin(), bytes.end(), [&random] { return static_cast<char>(random()); });
  return bytes;
}

class HttpFetchTest : public testing::Test {
 protected:
  static HttpOptions Impatient() {
    HttpOptions options;
    options.connect_timeout = absl::Milliseconds(500);
    options.stall_timeout = absl::Seconds(1);
    return options;
  }

  Nginx Serve(const config::TlsFiles& tls = {}) const {
    return Nginx({.root = share_.root().path(), .directory = work_.path() + "/nginx", .tls = tls});
  }

  // The version's directory of DS1 as a server at `url` shows it.
  std::string UrlAt(const std::string& url) const {
    return absl::StrCat(url, "/", share_.Standing("DS1"));
  }

  // A place that can be reached in no other way.
  model::OfferLocation OnlyAt(const std::string& server_name, const std::string& url) const {
    return {.server_name = server_name, .directory = "/nonexistent/share", .url = UrlAt(url)};
  }

  absl::StatusOr<PackageCache::Package> Get(const std::vector<model::OfferLocation>& locations,
                                            const HttpOptions& options = Impatient()) {
    PackageCache cache(tree::Directory::Create(work_.path() + "/cache").value(), {.http = options});
    return cache.Get(share_.MakeOffer("CEN00042", {"run.sh"}, locations, absl::UnixEpoch()),
                     locations, kNever);
  }

  tree::Directory Target() const {
    return tree::Directory::Create(work_.path() + "/target").value();
  }

  absl::StatusOr<FetchCounts> Fetch(
      const std::string& url, const std::function<bool()>& cancelled = [] { return false; }) const {
    const auto source = OpenHttpSource(UrlAt(url), Impatient(), cancelled).value();
    return FetchTree(share_.manifest(), *source, Target(), cancelled);
  }

  TestShare share_ = TestShare({{"run.sh", "#!/bin/sh\necho hello\n", true},
                                {"data/big", RandomBytes(4 << 20, 1)},
                                {"data/empty", ""},
                                {"readme", "read me"},
                                {"odd/100% sure?.txt", "percent"},
                                {"odd/a+b&c=d;e#f", "plus"},
                                {"odd/%2e%2e", "dots"},
                                {"odd/...", "three"},
                                {"odd/\xe2\x82\xac \xc3\xa9\"'<>|", "euro"},
                                {"odd/new\\line:[]{}^`~", "more"}},
                               {{"current", "data/big"}});
  const model::OfferLocation mounted_ = share_.Publish("DS1");
  const tree::TestDirectory work_directory_;
  const tree::Directory work_ = work_directory_.Open();
};

std::int64_t FileBytes(const std::vector<Nginx::Request>& requests) {
  std::int64_t sum = 0;
  for (const Nginx::Request& request : requests) {
    if (request.range != "-") sum += request.body_bytes;
  }
  return sum;
}

TEST_F(HttpFetchTest, FetchesAWholeTreeOverOneConnectionWithOneRequestAFile) {
  Nginx nginx = Serve();
  const PackageCache::Package package = Get({OnlyAt("DS1", nginx.url())}).value();
  EXPECT_EQ(package.server_name, "DS1");
  EXPECT_THAT(content::VerifyTree(share_.manifest(), package.root), IsOk());
  EXPECT_TREE_EQ(mounted_.directory, package.root.path());
  const std::vector<Nginx::Request> requests = nginx.Requests();
  ASSERT_THAT(requests, SizeIs(10)) << "the manifest, and each file that is not empty";
  EXPECT_EQ(requests[0].path, absl::StrCat("/", share_.Standing("DS1"), ".manifest"));
  EXPECT_EQ(requests[0].status, 200);
  std::set<std::string> connections;
  for (const Nginx::Request& request : requests) connections.insert(request.connection);
  EXPECT_THAT(connections, SizeIs(1));
  const content::ManifestIndex index = content::IndexManifest(share_.manifest()).value();
  EXPECT_EQ(FileBytes(requests), static_cast<std::int64_t>(index.totals.plain_bytes));
}

TEST_F(HttpFetchTest, GoesOnAfterACutWithWhatLacks) {
  Nginx nginx = Serve();
  const tree::Directory target = Target();
  const auto has_a_part = [&target] {
    const auto big = target.Stat("data/big");
    return big.ok() && big->size_bytes >= 1 << 20;
  };
  EXPECT_THAT(Fetch(nginx.url(), has_a_part), StatusIs(absl::StatusCode::kCancelled));
  const std::int64_t before = FileBytes(nginx.Requests());
  const FetchCounts counts = Fetch(nginx.url()).value();
  EXPECT_GE(counts.kept_bytes, 1U << 20);
  EXPECT_LE(counts.kept_bytes, (1U << 20) + content::kChunkBytesMax);
  EXPECT_EQ(FileBytes(nginx.Requests()) - before, static_cast<std::int64_t>(counts.fetched_bytes));
  EXPECT_THAT(content::VerifyTree(share_.manifest(), Target()), IsOk());
  const std::size_t requests = nginx.Requests().size();
  EXPECT_EQ(Fetch(nginx.url()).value().fetched_bytes, 0U);
  EXPECT_THAT(nginx.Requests(), SizeIs(requests)) << "nothing lacks, so nothing is asked for";
}

TEST_F(HttpFetchTest, AsksOnceForChunksThatAreNeighboursAndOnceForEachThatIsNot) {
  Nginx nginx = Serve();
  ASSERT_THAT(Fetch(nginx.url()), IsOk());
  const std::size_t before = nginx.Requests().size();
  {
    tree::File file = Target().OpenReadWrite("data/big").value();
    // Longer than the longest chunk, so it spoils two neighbours at least; and one byte far off.
    ASSERT_THAT(file.WriteFull(1 << 20, std::string(content::kChunkBytesMax + 1, 'x')), IsOk());
    ASSERT_THAT(file.WriteFull((4 << 20) - 1, "x"), IsOk());
  }
  const FetchCounts counts = Fetch(nginx.url()).value();
  std::vector<Nginx::Request> requests = nginx.Requests();
  requests.erase(requests.begin(), requests.begin() + static_cast<std::ptrdiff_t>(before));
  ASSERT_THAT(requests, SizeIs(2));
  EXPECT_EQ(FileBytes(requests), static_cast<std::int64_t>(counts.fetched_bytes));
  EXPECT_GT(requests[0].body_bytes, content::kChunkBytesMax);
  EXPECT_TRUE(absl::EndsWith(requests[1].range, absl::StrCat("-", (4 << 20) - 1)));
  EXPECT_THAT(content::VerifyTree(share_.manifest(), Target()), IsOk());
}

TEST_F(HttpFetchTest, GoesOnWithTheDirectoryOfTheSameServerWhenNobodyListens) {
  model::OfferLocation location = mounted_;
  location.url = "http://127.0.0.1:1/DS1";
  EXPECT_EQ(Get({location}).value().server_name, "DS1");
}

TEST_F(HttpFetchTest, SaysWhatEachWayToAServerSaid) {
  Nginx nginx = Serve();
  const std::string nowhere = nginx.url() + "/nowhere";
  const auto result = Get({{.server_name = "DS1", .directory = "share", .url = nowhere},
                           {.server_name = "DS2", .directory = "share", .url = "ftp://ds2"}});
  EXPECT_THAT(result, StatusIs(absl::StatusCode::kUnavailable));
  EXPECT_THAT(std::string(result.status().message()),
              AllOf(HasSubstr(absl::StrCat("DS1 over HTTP: GET ", nowhere,
                                           ".manifest: the server answered 404")),
                    HasSubstr("DS1: its directory is not an absolute path"),
                    HasSubstr("DS2 over HTTP: url 'ftp://ds2'")));
}

TEST_F(HttpFetchTest, BelievesOverHttpsOnlyTheAuthorityThatItIsTold) {
  rpc::TestCertificates certificates;
  Nginx nginx = Serve(
      certificates.Issue(rpc::TestCertificates::Request{.uris = {}, .addresses = {"127.0.0.1"}}));
  EXPECT_TRUE(absl::StartsWith(nginx.url(), "https://"));
  const auto refused = Get({OnlyAt("DS1", nginx.url())});
  EXPECT_THAT(std::string(refused.status().message()), HasSubstr("certificate"));
  HttpOptions options = Impatient();
  options.ca_file = certificates.ca_file();
  EXPECT_THAT(Get({OnlyAt("DS1", nginx.url())}, options), IsOk());
}

TEST_F(HttpFetchTest, BelievesOverHttpsNoCertificateOfAnotherHost) {
  rpc::TestCertificates certificates;
  Nginx nginx = Serve(
      certificates.Issue(rpc::TestCertificates::Request{.uris = {}, .addresses = {"127.0.0.2"}}));
  HttpOptions options = Impatient();
  options.ca_file = certificates.ca_file();
  EXPECT_THAT(std::string(Get({OnlyAt("DS1", nginx.url())}, options).status().message()),
              HasSubstr("target host name"));
}

TEST_F(HttpFetchTest, AsksNobodyWhenTheUrlIsNoGoodOne) {
  for (const char* url : {"", "ds1", "file:///etc/passwd", "http://me:secret@ds1", "http://ds1/"}) {
    EXPECT_THAT(OpenHttpSource(url, {}, kNever), StatusIs(absl::StatusCode::kInvalidArgument))
        << url;
  }
}

// Servers that misbehave. ------------------------------------------------------------------------

class BadServerTest : public HttpFetchTest {
 protected:
  using Request = TestHttpServer::Request;
  using Connection = TestHttpServer::Connection;

  // What a good server would send. Only for paths without escapes.
  std::string Body(const Request& request) const {
    const std::string all =
        share_.root().ReadFile(request.path.substr(1), std::int64_t{64} << 20).value();
    return request.range.has_value() ? all.substr(request.range->offset, request.range->bytes)
                                     : all;
  }

  bool BeGood(const Request& request, const Connection& connection) const {
    return connection.SendAnswer(request.range.has_value() ? "206 Partial Content" : "200 OK",
                                 Body(request));
  }

  static bool IsBig(const Request& request) { return absl::EndsWith(request.path, "/data/big"); }
  static bool IsManifest(const Request& request) {
    return absl::EndsWith(request.path, ".manifest");
  }

  // A server that is good until it is asked for a file, or another thing that `is_bad` knows.
  TestHttpServer::Handler BadAt(std::function<bool(const Request&)> is_bad,
                                std::function<bool(const Request&, const Connection&)> act) {
    return [this, is_bad = std::move(is_bad), act = std::move(act)](const Request& request,
                                                                    const Connection& connection) {
      return is_bad(request) ? act(request, connection) : BeGood(request, connection);
    };
  }

  // The package comes from DS2 after DS1 failed with an error that says `reason`.
  void ExpectGoesOn(TestHttpServer::Handler handler, const std::string& reason) {
    const TestHttpServer bad(std::move(handler));
    const auto alone = Get({OnlyAt("DS1", bad.url())});
    EXPECT_THAT(alone, StatusIs(absl::StatusCode::kUnavailable));
    EXPECT_THAT(std::string(alone.status().message()),
                AllOf(HasSubstr("DS1 over HTTP: "), HasSubstr(reason)));
    Nginx nginx = Serve();
    const auto package = Get({OnlyAt("DS1", bad.url()), OnlyAt("DS2", nginx.url())});
    ASSERT_THAT(package, IsOk());
    EXPECT_EQ(package->server_name, "DS2");
    EXPECT_THAT(content::VerifyTree(share_.manifest(), package->root), IsOk());
  }
};

TEST_F(BadServerTest, LiesAboutBytes) {
  ExpectGoesOn(BadAt(IsBig,
                     [this](const Request& request, const Connection& connection) {
                       std::string body = Body(request);
                       body[body.size() / 2] = static_cast<char>(body[body.size() / 2] ^ 1);
                       return connection.SendAnswer("206 Partial Content", body);
                     }),
               "file \"data/big\": other bytes at ");
}

TEST_F(BadServerTest, HasTheManifestAndNoFile) {
  ExpectGoesOn(BadAt(IsBig,
                     [](const Request&, const Connection& connection) {
                       return connection.SendAnswer("404 Not Found", "no such file");
                     }),
               "/data/big: the server answered 404");
}

TEST_F(BadServerTest, HasNothing) {
  ExpectGoesOn(
      [](const Request&, const Connection& connection) {
        return connection.SendAnswer("404 Not Found", "");
      },
      ".manifest: the server answered 404");
}

TEST_F(BadServerTest, HasTheManifestOfAnotherVersion) {
  const TestShare other({{"run.sh", "#!/bin/sh\nrm -rf /\n", true}});
  const std::string manifest = [&other] {
    const auto bytes = other.manifest().NewSource();
    std::string all(1 << 16, '\0');
    all.resize(bytes->Read(absl::MakeSpan(all)).value());
    return all;
  }();
  ExpectGoesOn(BadAt(IsManifest,
                     [manifest](const Request&, const Connection& connection) {
                       return connection.SendAnswer("200 OK", manifest);
                     }),
               "the manifest is of version ");
}

TEST_F(BadServerTest, BreaksOffInTheManifest) {
  ExpectGoesOn(
      BadAt(IsManifest,
            [this](const Request& request, const Connection& connection) {
              connection.Send("HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n" + Body(request));
              return false;
            }),
      ".manifest: the server broke off after ");
}

TEST_F(BadServerTest, SendsTheWholeFileWhereAPartWasAskedFor) {
  ExpectGoesOn(BadAt(IsBig,
                     [this](const Request& request, const Connection& connection) {
                       return connection.SendAnswer("200 OK", Body(request));
                     }),
               "the server answered 200 where 206 was asked for: it cannot give byte ranges");
}

TEST_F(BadServerTest, ClosesInTheMiddleOfABody) {
  ExpectGoesOn(BadAt(IsBig,
                     [this](const Request& request, const Connection& connection) {
                       const std::string body = Body(request);
                       connection.Send(absl::StrCat(
                           "HTTP/1.1 206 Partial Content\r\nContent-Length: ", body.size(),
                           "\r\n\r\n", body.substr(0, body.size() / 2)));
                       return false;
                     }),
               " bytes");
}

TEST_F(BadServerTest, WhatCameBeforeItClosedIsNotFetchedAgain) {
  const TestHttpServer bad(BadAt(IsBig, [this](const Request& request,
                                               const Connection& connection) {
    const std::string body = Body(request);
    connection.Send(absl::StrCat("HTTP/1.1 206 Partial Content\r\nContent-Length: ", body.size(),
                                 "\r\n\r\n", body.substr(0, body.size() / 2)));
    return false;
  }));
  EXPECT_THAT(Fetch(bad.url()), StatusIs(absl::StatusCode::kDataLoss));
  Nginx nginx = Serve();
  const FetchCounts counts = Fetch(nginx.url()).value();
  EXPECT_GT(counts.kept_bytes, std::uint64_t{1} << 20);
  EXPECT_LE(counts.fetched_bytes, (std::uint64_t{2} << 20) + content::kChunkBytesMax + 1000);
  EXPECT_EQ(FileBytes(nginx.Requests()), static_cast<std::int64_t>(counts.fetched_bytes));
}

TEST_F(BadServerTest, HasAShorterFile) {
  ExpectGoesOn(BadAt(IsBig,
                     [this](const Request& request, const Connection& connection) {
                       const std::string body = Body(request);
                       return connection.SendAnswer("206 Partial Content",
                                                    body.substr(0, body.size() - 1));
                     }),
               " bytes");
}

TEST_F(BadServerTest, SendsWithoutEnd) {
  ExpectGoesOn(BadAt(IsBig,
                     [this](const Request& request, const Connection& connection) {
                       connection.Send("HTTP/1.1 206 Partial Content\r\n\r\n" + Body(request));
                       while (connection.Send(std::string(1 << 16, 'x'))) {
                       }
                       return false;
                     }),
               "the server sends more than the ");
}

TEST_F(BadServerTest, SaysNothing) {
  ExpectGoesOn(BadAt(IsBig,
                     [](const Request&, const Connection& connection) {
                       connection.AwaitEnd();
                       return false;
                     }),
               "Operation too slow");
}

TEST_F(BadServerTest, StopsInTheMiddleOfABody) {
  ExpectGoesOn(BadAt(IsBig,
                     [this](const Request& request, const Connection& connection) {
                       const std::string body = Body(request);
                       connection.Send(absl::StrCat(
                           "HTTP/1.1 206 Partial Content\r\nContent-Length: ", body.size(),
                           "\r\n\r\n", body.substr(0, 1000)));
                       connection.AwaitEnd();
                       return false;
                     }),
               "Operation too slow");
}

TEST_F(BadServerTest, SendsSomewhereElse) {
  ExpectGoesOn(BadAt(IsBig,
                     [](const Request&, const Connection& connection) {
                       return connection.SendAnswer("302 Found", "",
                                                    "Location: http://127.0.0.1:1/\r\n");
                     }),
               "the server answered 302, and redirects are not followed");
}

TEST_F(BadServerTest, IsBroken) {
  ExpectGoesOn(BadAt(IsBig,
                     [](const Request&, const Connection& connection) {
                       return connection.SendAnswer("500 Internal Server Error", "oops");
                     }),
               "the server answered 500");
}

TEST_F(BadServerTest, IsNoWebServer) {
  ExpectGoesOn(
      [](const Request&, const Connection& connection) {
        connection.Send("SSH-2.0-OpenSSH_9.2\r\n");
        return false;
      },
      "HTTP/0.9");
}

TEST_F(BadServerTest, ClosesWithoutAnAnswer) {
  ExpectGoesOn([](const Request&, const Connection&) { return false; }, "Empty reply");
}

TEST_F(BadServerTest, ClosesEachConnectionAfterOneAnswerAndIsGoodEnough) {
  TestShare plain({{"a", "one"}, {"b", "two"}, {"c", "three"}});
  plain.Publish("DS1");
  const TestHttpServer server([&plain](const Request& request, const Connection& connection) {
    const std::string all = plain.root().ReadFile(request.path.substr(1), 1 << 20).value();
    connection.SendAnswer(request.range.has_value() ? "206 Partial Content" : "200 OK", all);
    return false;
  });
  const auto source =
      OpenHttpSource(absl::StrCat(server.url(), "/", plain.Standing("DS1")), Impatient(), kNever)
          .value();
  ASSERT_THAT(FetchTree(plain.manifest(), *source, Target(), kNever), IsOk());
  EXPECT_THAT(content::VerifyTree(plain.manifest(), Target()), IsOk());
}

TEST_F(BadServerTest, TakesNoConnection) {
  // A queue of one that is full: the kernel drops all further attempts.
  LoopbackListener full(0);
  std::vector<int> waiting;
  for (int i = 0; i < 4; ++i) {
    waiting.push_back(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    connect(waiting.back(), full.generic(), sizeof(full.address));
  }
  const absl::Time start = absl::Now();
  const auto result = Get({OnlyAt("DS1", full.url())});
  EXPECT_LT(absl::Now() - start, absl::Seconds(5));
  EXPECT_THAT(std::string(result.status().message()), ContainsRegex("[Tt]ime(d |-)?out"));
  for (const int socket : waiting) close(socket);
  close(full.socket);
}

TEST_F(BadServerTest, ACancelEndsAFetchThatHangs) {
  std::atomic<std::int64_t> asked_at = 0;
  const TestHttpServer bad(BadAt(IsBig, [&asked_at](const Request&, const Connection& connection) {
    asked_at = absl::GetCurrentTimeNanos();
    connection.AwaitEnd();
    return false;
  }));
  EXPECT_THAT(Fetch(bad.url(), [&asked_at] { return asked_at > 0; }),
              StatusIs(absl::StatusCode::kCancelled));
  EXPECT_LT(absl::GetCurrentTimeNanos() - asked_at, absl::ToInt64Nanoseconds(absl::Seconds(1)));
}

// Counts, keeps nothing.
class CountingSink final : public content::ByteSink {
 public:
  absl::Status Append(absl::string_view bytes) override {
    bytes_ += bytes.size();
    return absl::OkStatus();
  }
  std::uint64_t bytes() const { return bytes_; }

 private:
  std::uint64_t bytes_ = 0;
};

TEST_F(BadServerTest, AManifestWithoutEndIsGivenUpAtTheLongestThatMayBe) {
  const std::string piece(1 << 20, 'x');
  const TestHttpServer bad([&piece](const Request&, const Connection& connection) {
    connection.Send("HTTP/1.1 200 OK\r\n\r\n");
    while (connection.Send(piece)) {
    }
    return false;
  });
  CountingSink sink;
  const auto source = OpenHttpSource(UrlAt(bad.url()), Impatient(), kNever).value();
  EXPECT_THAT(source->ReadManifest(sink), StatusIs(absl::StatusCode::kResourceExhausted));
  EXPECT_LE(sink.bytes(), content::kManifestBytesMax);
}

TEST_F(BadServerTest, TheErrorOfTheSinkComesBackAsItIs) {
  class FullSink final : public content::ByteSink {
   public:
    absl::Status Append(absl::string_view /*bytes*/) override {
      return absl::ResourceExhaustedError("the disk is full");
    }
  };
  Nginx nginx = Serve();
  FullSink sink;
  const auto source = OpenHttpSource(UrlAt(nginx.url()), Impatient(), kNever).value();
  const absl::Status status = source->ReadFile("readme", {.offset = 0, .bytes = 7}, sink);
  EXPECT_THAT(status, StatusIs(absl::StatusCode::kResourceExhausted));
  EXPECT_THAT(std::string(status.message()), HasSubstr("the disk is full"));
}

}  // namespace
}  // namespace waybill::pcm
