#include "services/pcm/http_source.h"

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include <curl/curl.h>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"

#include "common/content/byte_stream.h"
#include "common/content/limits.h"
#include "common/model/share_url.h"
#include "common/status/status_macros.h"
#include "services/pcm/package_source.h"

namespace waybill::pcm {
namespace {

constexpr long kOk = 200;
constexpr long kPartialContent = 206;
constexpr long kRedirectMin = 300;
constexpr long kRedirectMax = 399;
constexpr long kNotFound = 404;
constexpr long kPieceBytes = 128 << 10;
constexpr int kCancelCheckMilliseconds = 100;

using EasyHandle = std::unique_ptr<CURL, decltype(&curl_easy_cleanup)>;
using MultiHandle = std::unique_ptr<CURLM, decltype(&curl_multi_cleanup)>;

// One GET: what was asked for, and what has come so far.
class Transfer {
 public:
  // Without a range all of the file is asked for.
  Transfer(CURL* easy, std::optional<ByteRange> range, content::ByteSink& sink)
      : easy_(easy), range_(range), sink_(sink) {}

  // A CURLOPT_WRITEFUNCTION; `transfer` is one.
  static std::size_t Write(char* data, std::size_t size, std::size_t count, void* transfer) {
    auto& self = *static_cast<Transfer*>(transfer);
    self.status_ = self.Take({data, size * count});
    return self.status_.ok() ? size * count : CURL_WRITEFUNC_ERROR;
  }

  // The outcome, given libcurl's and its words for it.
  absl::Status End(CURLcode code, absl::string_view words) const {
    WAYBILL_RETURN_IF_ERROR(status_);
    if (code == CURLE_PARTIAL_FILE) return EndsEarly();
    if (code != CURLE_OK) {
      return absl::UnavailableError(words.empty() ? curl_easy_strerror(code) : words);
    }
    WAYBILL_RETURN_IF_ERROR(CheckAnswer());
    return range_.has_value() && received_ < range_->bytes ? EndsEarly() : absl::OkStatus();
  }

 private:
  absl::Status Take(absl::string_view bytes) {
    WAYBILL_RETURN_IF_ERROR(CheckAnswer());
    received_ += bytes.size();
    if (range_.has_value() && received_ > range_->bytes) {
      return absl::DataLossError(
          absl::StrCat("the server sends more than the ", range_->bytes, " bytes asked for"));
    }
    if (received_ > content::kManifestBytesMax && !range_.has_value()) {
      return absl::ResourceExhaustedError("the manifest is longer than any may be");
    }
    return sink_.Append(bytes);
  }

  absl::Status EndsEarly() const {
    return absl::DataLossError(
        range_.has_value()
            ? absl::StrCat("the server sent ", received_, " of ", range_->bytes, " bytes")
            : absl::StrCat("the server broke off after ", received_, " bytes"));
  }

  absl::Status CheckAnswer() const {
    long answer = 0;
    curl_easy_getinfo(easy_, CURLINFO_RESPONSE_CODE, &answer);
    if (answer == (range_.has_value() ? kPartialContent : kOk)) return absl::OkStatus();
    if (answer == kNotFound) return absl::NotFoundError("the server answered 404");
    if (answer == kOk) {
      return absl::UnavailableError(
          "the server answered 200 where 206 was asked for: it cannot give byte ranges");
    }
    return absl::UnavailableError(absl::StrCat("the server answered ", answer,
                                               answer >= kRedirectMin && answer <= kRedirectMax
                                                   ? ", and redirects are not followed"
                                                   : ""));
  }

  CURL* const easy_;
  const std::optional<ByteRange> range_;
  content::ByteSink& sink_;
  std::uint64_t received_ = 0;
  absl::Status status_;
};

class HttpSource final : public PackageSource {
 public:
  HttpSource(std::string url, std::function<bool()> cancelled, EasyHandle easy, MultiHandle multi)
      : url_(std::move(url)),
        cancelled_(std::move(cancelled)),
        multi_(std::move(multi)),
        easy_(std::move(easy)) {
    curl_easy_setopt(easy_.get(), CURLOPT_ERRORBUFFER, words_.data());
  }

  absl::Status ReadManifest(content::ByteSink& sink) override {
    curl_easy_setopt(easy_.get(), CURLOPT_RANGE, nullptr);
    return Get(absl::StrCat(url_, ".manifest"), std::nullopt, sink);
  }

  absl::Status ReadFile(const std::string& path, ByteRange range,
                        content::ByteSink& sink) override {
    const std::string text = absl::StrCat(range.offset, "-", range.offset + range.bytes - 1);
    curl_easy_setopt(easy_.get(), CURLOPT_RANGE, text.c_str());
    return Get(model::UrlBeneath(url_, path), range, sink);
  }

 private:
  absl::Status Get(const std::string& url, std::optional<ByteRange> range,
                   content::ByteSink& sink) {
    Transfer transfer(easy_.get(), range, sink);
    curl_easy_setopt(easy_.get(), CURLOPT_URL, url.c_str());
    curl_easy_setopt(easy_.get(), CURLOPT_WRITEFUNCTION, &Transfer::Write);
    curl_easy_setopt(easy_.get(), CURLOPT_WRITEDATA, &transfer);
    words_.front() = '\0';
    WAYBILL_ASSIGN_OR_RETURN(const CURLcode code, Perform());
    const absl::Status status = transfer.End(code, words_.data());
    if (status.ok() || absl::IsCancelled(status)) return status;
    return absl::Status(status.code(), absl::StrCat("GET ", url, ": ", status.message()));
  }

  // As curl_easy_perform, but looks at `cancelled_` whatever the server does or does not do.
  absl::StatusOr<CURLcode> Perform() {
    curl_multi_add_handle(multi_.get(), easy_.get());
    int running = 1;
    bool is_cancelled = false;
    while (running > 0 && !is_cancelled) {
      if (curl_multi_perform(multi_.get(), &running) != CURLM_OK) break;
      is_cancelled = cancelled_();
      if (running > 0 && !is_cancelled) {
        curl_multi_poll(multi_.get(), nullptr, 0, kCancelCheckMilliseconds, nullptr);
      }
    }
    // The removal else waits for the thread that looks up the host's name.
    if (is_cancelled) curl_easy_setopt(easy_.get(), CURLOPT_QUICK_EXIT, 1L);
    int left = 0;
    const CURLMsg* const message = curl_multi_info_read(multi_.get(), &left);
    const std::optional<CURLcode> code =
        message == nullptr ? std::nullopt : std::optional<CURLcode>(message->data.result);
    curl_multi_remove_handle(multi_.get(), easy_.get());
    if (is_cancelled) return absl::CancelledError("the fetch was cancelled");
    return code.value_or(CURLE_OUT_OF_MEMORY);  // All that perform complains about.
  }

  const std::string url_;
  const std::function<bool()> cancelled_;
  std::array<char, CURL_ERROR_SIZE> words_ = {};
  const MultiHandle multi_;  // Holds the connection.
  const EasyHandle easy_;
};

absl::Status Configure(CURL* easy, const HttpOptions& options) {
  bool good = true;
  const auto set = [&](CURLoption option, auto value) {
    good = curl_easy_setopt(easy, option, value) == CURLE_OK && good;
  };
  set(CURLOPT_PROTOCOLS_STR, "http,https");
  set(CURLOPT_HTTP_VERSION, static_cast<long>(CURL_HTTP_VERSION_1_1));
  set(CURLOPT_FOLLOWLOCATION, 0L);
  set(CURLOPT_PROXY, "");       // Whatever the environment says: servers are of the site.
  set(CURLOPT_PATH_AS_IS, 1L);  // A name is a name, also "...".
  set(CURLOPT_NOSIGNAL, 1L);    // There are other threads.
  set(CURLOPT_USERAGENT, "waybill-pcm");
  set(CURLOPT_BUFFERSIZE, kPieceBytes);
  set(CURLOPT_CONNECTTIMEOUT_MS,
      static_cast<long>(absl::ToInt64Milliseconds(options.connect_timeout)));
  set(CURLOPT_LOW_SPEED_LIMIT, static_cast<long>(options.bytes_per_second_min));
  set(CURLOPT_LOW_SPEED_TIME, static_cast<long>(absl::ToInt64Seconds(options.stall_timeout)));
  if (!options.ca_file.empty()) {
    set(CURLOPT_CAINFO, options.ca_file.c_str());
    set(CURLOPT_CAPATH, nullptr);  // Those alone.
  }
  return good ? absl::OkStatus() : absl::InternalError("libcurl refuses a setting");
}

}  // namespace

absl::StatusOr<std::unique_ptr<PackageSource>> OpenHttpSource(const std::string& url,
                                                              const HttpOptions& options,
                                                              std::function<bool()> cancelled) {
  static const CURLcode initialized = curl_global_init(CURL_GLOBAL_DEFAULT);
  WAYBILL_RETURN_IF_ERROR(model::CheckUrl("url", url, model::kLocationUrlBytesMax));
  EasyHandle easy(curl_easy_init(), curl_easy_cleanup);
  MultiHandle multi(curl_multi_init(), curl_multi_cleanup);
  if (initialized != CURLE_OK || easy == nullptr || multi == nullptr) {
    return absl::InternalError("libcurl cannot be set up");
  }
  WAYBILL_RETURN_IF_ERROR(Configure(easy.get(), options));
  return std::make_unique<HttpSource>(url, std::move(cancelled), std::move(easy), std::move(multi));
}

}  // namespace waybill::pcm
