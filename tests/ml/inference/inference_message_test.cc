// Do requests and responses mean the same in every format, and is what makes no sense refused by name?
#include <weir/ml/inference/inference_message.h>

#include <cmath>
#include <random>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include <weir/ml/inference/inference_rows.h>

#include "support/environment.h"

namespace weir::ml {
namespace {

constexpr InferenceLimits kLimits{.bytes = 10'000, .values = 100, .rows = 10};

// The values of the only tensor, or the error.
std::string read_json(const std::string& text) {
  const auto request = read_request(InferenceFormat::kJson, text, kLimits);
  if (!request.ok()) return std::string(request.status().message());
  std::string values;
  for (const double value : request->inputs.at(0).values) values += std::to_string(value).substr(0, 4) + " ";
  return values;
}
std::string json_tensor(const std::string& type, const std::string& shape, const std::string& data) {
  return R"({"inputs":[{"name":"x","datatype":")" + type + R"(","shape":)" + shape + R"(,"data":)" + data +
         "}]}";
}

TEST(InferenceJson, ReadsNestedAndFlatDataOfEveryType) {
  EXPECT_EQ(read_json(json_tensor("FP32", "[2,2]", "[1,2.5,-3,4e0]")), "1.00 2.50 -3.0 4.00 ");
  EXPECT_EQ(read_json(json_tensor("FP64", "[2,2]", "[[1,2],[3,4]]")), "1.00 2.00 3.00 4.00 ");
  EXPECT_EQ(read_json(json_tensor("BOOL", "[2]", "[true,false]")), "1.00 0.00 ");
  EXPECT_EQ(read_json(json_tensor("UINT8", "[1]", "[255]")), "255. ");
  EXPECT_EQ(read_json(json_tensor("INT8", "[1]", "[-128]")), "-128 ");
  EXPECT_EQ(read_json(json_tensor("FP32", "[1]", "[null]")), "nan ");
}

TEST(InferenceJson, RefusesByNameAndPlace) {
  EXPECT_EQ(read_json("[]"), "the JSON is no object but: array");
  EXPECT_EQ(read_json("{").substr(0, 9), "not JSON:");
  EXPECT_EQ(read_json("{}"), "'inputs' is missing, or no array");
  EXPECT_EQ(read_json(R"({"id":3,"inputs":[]})"), "'id' is no text");
  EXPECT_EQ(read_json(json_tensor("FP31", "[1]", "[1]")), "tensor 'x': the datatype 'FP31' is unknown");
  EXPECT_EQ(read_json(json_tensor("BYTES", "[1]", R"(["a"])")),
            "tensor 'x': the datatype 'BYTES' is not one of numbers");
  EXPECT_EQ(read_json(json_tensor("FP32", "[3]", "[1,2]")), "tensor 'x': its shape has 3 values, its data 2");
  EXPECT_EQ(read_json(json_tensor("FP32", "[1]", "[1,2]")),
            "tensor 'x': its data has more than the 1 values of its shape");
  EXPECT_EQ(read_json(json_tensor("FP32", "[-1]", "[1]")), "tensor 'x': a dimension of -1");
  EXPECT_EQ(read_json(json_tensor("FP32", "[1.5]", "[1]")), "tensor 'x': a dimension of 1.5");
  EXPECT_EQ(read_json(json_tensor("FP32", "[99,99]", "[1]")),
            "tensor 'x': its shape has more than 100 values");
  EXPECT_EQ(read_json(json_tensor("FP32", "[99999999999999999999]", "[1]")),
            "tensor 'x': a dimension of 1e+20");
  EXPECT_EQ(read_json(json_tensor("FP32", "[2]", R"([1,"2"])")),
            "tensor 'x': value 1 is no number but: string");
  EXPECT_EQ(read_json(json_tensor("INT8", "[1]", "[128]")), "tensor 'x': value 0 (128) is not of type INT8");
  EXPECT_EQ(read_json(json_tensor("INT8", "[1]", "[null]")),
            "tensor 'x': value 0 (null) is not of type INT8");
  EXPECT_EQ(read_json(json_tensor("UINT16", "[1]", "[1.5]")),
            "tensor 'x': value 0 (1.5) is not of type UINT16");
  EXPECT_EQ(read_json(json_tensor("FP32", "[1]", "[[[[[[[[[1]]]]]]]]]")),
            "tensor 'x': its data is too deeply nested");
  EXPECT_EQ(read_json(R"({"inputs":[],"outputs":[7]})"), "one of 'outputs' is no object");
  EXPECT_EQ(read_json(std::string(20'000, ' ')), "the request has 20000 bytes, and 10000 are allowed");
}

TEST(InferenceJson, DepthCostsNoStack) {
  constexpr InferenceLimits kLarge{.bytes = 10'000'000, .values = 100, .rows = 10};
  const std::string deep = std::string(1'000'000, '[') + std::string(1'000'000, ']');
  const auto error = [&](const std::string& text) {
    return std::string(read_request(InferenceFormat::kJson, text, kLarge).status().message());
  };
  EXPECT_EQ(error(deep), "the JSON is no object but: array");
  EXPECT_EQ(error(json_tensor("FP32", "[1]", deep)), "tensor 'x': its data is too deeply nested");
  EXPECT_EQ(error(json_tensor("FP32", deep, "[1]")), "tensor 'x': a dimension that is no number but: array");
  EXPECT_EQ(error(R"({"inputs":)" + deep + "}"), "a tensor is no object");
  EXPECT_EQ(error(R"({"parameters":)" + deep + R"(,"inputs":[]})"), "");
}

// Written by hand from the protocol's numbers, so that names and code of ours have no say.
TEST(InferenceProtobuf, IsTheProtocolsOnTheWire) {
  const std::string tensor =
      std::string("\x0a\x01x", 3) +                                               // name
      std::string("\x12\x04", 2) + "FP32" +                                       // datatype
      std::string("\x1a\x02\x01\x02", 4) +                                        // shape: 1, 2
      std::string("\x2a\x0a\x32\x08\x00\x00\x80\x3f\x00\x00\x00\x40", 12);        // contents: floats 1, 2
  const std::string wire = std::string("\x0a\x05", 2) + "fraud" +                 // model_name
                           std::string("\x12\x01", 2) + "7" +                     // model_version
                           std::string("\x1a\x02", 2) + "r1" +                    // id
                           std::string("\x22\x07\x0a\x01p\x12\x02\x10\x05", 9) +  // parameters: p = 5
                           '\x2a' + static_cast<char>(tensor.size()) + tensor +   // inputs
                           std::string("\x32\x03\x0a\x01y", 5);                   // outputs
  const auto request = read_request(InferenceFormat::kProtobuf, wire, kLimits);
  ASSERT_TRUE(request.ok()) << request.status();
  EXPECT_EQ(request->model_name, "fraud");
  EXPECT_EQ(request->model_version, "7");
  EXPECT_EQ(request->id, "r1");
  EXPECT_EQ(request->outputs, (std::vector<std::string>{"y"}));
  ASSERT_EQ(request->inputs.size(), 1u);
  EXPECT_EQ(request->inputs[0].shape, (std::vector<std::int64_t>{1, 2}));
  EXPECT_EQ(request->inputs[0].values, (std::vector<double>{1, 2}));

  InferenceResponse response{"r1", "fraud", "7", {{"y", "FP32", {1}, {2}}}};
  Bytes written;
  write_response(InferenceFormat::kProtobuf, response, written);
  EXPECT_EQ(written, std::string("\x0a\x05", 2) + "fraud" + std::string("\x12\x01", 2) + "7" +
                         std::string("\x1a\x02", 2) + "r1" + std::string("\x2a\x14\x0a\x01y\x12\x04", 7) +
                         "FP32" + std::string("\x1a\x01\x01", 3) +
                         std::string("\x2a\x06\x32\x04\x00\x00\x00\x40", 8));
  response.raw = true;
  written.clear();
  write_response(InferenceFormat::kProtobuf, response, written);
  EXPECT_EQ(written.substr(written.size() - 6), std::string("\x32\x04\x00\x00\x00\x40", 6));
}

std::string raw_request(const std::string& type, const std::string& bytes, int count) {
  const std::string tensor = std::string("\x0a\x01x\x12", 4) + static_cast<char>(type.size()) + type +
                             std::string("\x1a\x01", 2) + static_cast<char>(count);
  return '\x2a' + std::string(1, static_cast<char>(tensor.size())) + tensor + '\x3a' +
         static_cast<char>(bytes.size()) + bytes;
}

TEST(InferenceProtobuf, ReadsRawContentsOfEveryType) {
  const auto values = [](const std::string& type, const std::string& bytes,
                         int count) -> std::vector<double> {
    const auto request = read_request(InferenceFormat::kProtobuf, raw_request(type, bytes, count), kLimits);
    EXPECT_TRUE(request.ok()) << type << request.status();
    return request.ok() ? request->inputs[0].values : std::vector<double>();
  };
  using Values = std::vector<double>;
  EXPECT_EQ(values("BOOL", std::string("\x00\x01", 2), 2), (Values{0, 1}));
  EXPECT_EQ(values("UINT8", "\xff", 1), (Values{255}));
  EXPECT_EQ(values("INT8", "\xff", 1), (Values{-1}));
  EXPECT_EQ(values("UINT16", std::string("\x00\x80", 2), 1), (Values{32768}));
  EXPECT_EQ(values("INT16", std::string("\x00\x80", 2), 1), (Values{-32768}));
  EXPECT_EQ(values("UINT32", "\xff\xff\xff\xff", 1), (Values{4294967295.0}));
  EXPECT_EQ(values("INT32", "\xfe\xff\xff\xff", 1), (Values{-2}));
  EXPECT_EQ(values("UINT64", std::string("\x00\x00\x00\x00\x01\x00\x00\x00", 8), 1), (Values{4294967296.0}));
  EXPECT_EQ(values("INT64", "\xfd\xff\xff\xff\xff\xff\xff\xff", 1), (Values{-3}));
  EXPECT_EQ(values("FP16", std::string("\x00\x3c\x00\xc0\x01\x00\xff\x7b", 8), 4),
            (Values{1, -2, std::ldexp(1.0, -24), 65504}));
  EXPECT_EQ(values("BF16", std::string("\x80\x3f\x00\xc0", 4), 2), (Values{1, -2}));
  EXPECT_EQ(values("FP32", std::string("\x00\x00\x00\x3f", 4), 1), (Values{0.5}));
  EXPECT_EQ(values("FP64", std::string("\x00\x00\x00\x00\x00\x00\xe0\x3f", 8), 1), (Values{0.5}));
  const auto infinite = read_request(InferenceFormat::kProtobuf,
                                     raw_request("FP16", std::string("\x00\x7c\x01\x7c", 4), 2), kLimits);
  ASSERT_TRUE(infinite.ok());
  EXPECT_TRUE(std::isinf(infinite->inputs[0].values[0]));
  EXPECT_TRUE(std::isnan(infinite->inputs[0].values[1]));
  const auto odd = read_request(InferenceFormat::kProtobuf, raw_request("INT32", "\x01", 1), kLimits);
  EXPECT_EQ(odd.status().message(),
            "tensor 'x': its shape has 1 values of 4 bytes, its raw contents 1 bytes");
}

TEST(InferenceFormats, SayTheSameThereAndBack) {
  const InferenceRequest request{"r1",
                                 "m",
                                 "3",
                                 {{"a", "FP32", {2}, {0.1F, -2}},
                                  {"b", "INT64", {2, 1}, {7, -9}},
                                  {"c", "UINT8", {1, 2}, {0, 200}},
                                  {"d", "BOOL", {1}, {1}},
                                  {"e", "FP64", {1}, {0.1}}},
                                 {"y"}};
  for (const bool raw : {false, true}) {
    for (const InferenceFormat format : {InferenceFormat::kJson, InferenceFormat::kProtobuf}) {
      InferenceRequest sent = request;
      sent.raw = raw;
      Bytes bytes;
      write_request(format, sent, bytes);
      const auto read = read_request(format, bytes, kLimits);
      ASSERT_TRUE(read.ok()) << read.status();
      EXPECT_EQ(read->id, "r1");
      EXPECT_EQ(read->model_version, "3");
      EXPECT_EQ(read->outputs, request.outputs);
      ASSERT_EQ(read->inputs.size(), request.inputs.size());
      for (std::size_t i = 0; i < request.inputs.size(); ++i) {
        EXPECT_EQ(read->inputs[i].name, request.inputs[i].name);
        EXPECT_EQ(read->inputs[i].datatype, request.inputs[i].datatype);
        EXPECT_EQ(read->inputs[i].shape, request.inputs[i].shape);
        EXPECT_EQ(read->inputs[i].values.size(), request.inputs[i].values.size());
        for (std::size_t j = 0; j < request.inputs[i].values.size(); ++j)
          EXPECT_EQ(static_cast<float>(read->inputs[i].values[j]),
                    static_cast<float>(request.inputs[i].values[j]));
      }
    }
  }
}

TEST(InferenceFormats, HalvesAreRoundedToTheNearest) {
  const auto there_and_back = [](const std::string& type, double value) {
    InferenceRequest request{"", "", "", {{"x", type, {1}, {value}}}, {}, true};
    Bytes bytes;
    write_request(InferenceFormat::kProtobuf, request, bytes);
    return read_request(InferenceFormat::kProtobuf, bytes, kLimits)->inputs[0].values[0];
  };
  EXPECT_EQ(there_and_back("FP16", 1 + std::ldexp(1.0, -11)), 1) << "a tie, to even";
  EXPECT_EQ(there_and_back("FP16", 1 + 3 * std::ldexp(1.0, -11)), 1 + std::ldexp(1.0, -9));
  EXPECT_EQ(there_and_back("FP16", 2047.9), 2048);
  EXPECT_EQ(there_and_back("FP16", -std::ldexp(3.0, -25)), -std::ldexp(1.0, -23));
  EXPECT_TRUE(std::isinf(there_and_back("FP16", 70000)));
  EXPECT_EQ(there_and_back("BF16", 1 + std::ldexp(1.0, -8)), 1);
  EXPECT_EQ(there_and_back("BF16", 1 + std::ldexp(3.0, -8)), 1 + std::ldexp(1.0, -6));
}

TEST(InferenceFormats, ContentTypesHaveNames) {
  for (const InferenceFormat format : {InferenceFormat::kJson, InferenceFormat::kProtobuf,
                                       InferenceFormat::kFloat32Rows, InferenceFormat::kFloat64Rows})
    EXPECT_EQ(format_of(content_type_of(format)), format);
  EXPECT_EQ(format_of("application/json; charset=utf-8"), InferenceFormat::kJson);
  EXPECT_EQ(format_of("text/plain"), std::nullopt);
}

class TwoInputs final : public Model {
 public:
  TwoInputs() : Model({"two", "1"}, {{"a", "b"}, {"sum", "product"}}) {}

 private:
  void evaluate(const RowBatch& rows, std::span<float> scores) const override {
    for (std::size_t i = 0; i < rows.rows(); ++i) {
      scores[2 * i] = rows.row(i)[0] + rows.row(i)[1];
      scores[2 * i + 1] = rows.row(i)[0] * rows.row(i)[1];
    }
  }
};

TEST(InferenceRows, ComeFromOneTensorOrFromOneForEachInput) {
  const TwoInputs model;
  const auto rows = [&](std::vector<InferenceTensor> tensors,
                        MissingValues missing = MissingValues::kRefused) {
    std::vector<float> values{-1};
    const auto made = rows_of({.inputs = std::move(tensors)}, model.inputs(), missing, kLimits, values);
    if (!made.ok()) return std::string(made.status().message());
    EXPECT_EQ(*made * 2, values.size());
    std::string text;
    for (const float value : values) text += std::to_string(value).substr(0, 3) + " ";
    return text;
  };
  EXPECT_EQ(rows({{"rows", "FP32", {2, 2}, {1, 2, 3, 4}}}), "1.0 2.0 3.0 4.0 ");
  EXPECT_EQ(rows({{"row", "FP32", {2}, {1, 2}}}), "1.0 2.0 ");
  EXPECT_EQ(rows({{"", "FP32", {4}, {1, 2, 3, 4}}}), "1.0 2.0 3.0 4.0 ");
  EXPECT_EQ(rows({{"b", "FP32", {2}, {3, 4}}, {"a", "INT8", {2, 1}, {1, 2}}}), "1.0 3.0 2.0 4.0 ");

  EXPECT_EQ(rows({}), "there are no inputs");
  EXPECT_EQ(rows({{"rows", "FP32", {0, 2}, {}}}), "there are no rows");
  EXPECT_EQ(rows({{"rows", "FP32", {4}, {1, 2, 3, 4}}}),
            "tensor 'rows': a shape of [4], and the model takes rows of 2 values");
  EXPECT_EQ(rows({{"", "FP32", {3}, {1, 2, 3}}}),
            "tensor '': a shape of [3], and the model takes rows of 2 values");
  EXPECT_EQ(rows({{"a", "FP32", {1}, {1}}, {"c", "FP32", {1}, {1}}}), "there is no tensor for the input 'b'");
  EXPECT_EQ(rows({{"a", "FP32", {1}, {1}}, {"b", "FP32", {1}, {1}}, {"c", "FP32", {1}, {1}}}),
            "tensor 'c': the model has no such input, or there are several of that name");
  EXPECT_EQ(rows({{"a", "FP32", {2}, {1, 2}}, {"b", "FP32", {1}, {1}}}),
            "tensor 'b': a shape of [1], and 'a' has 2 rows");
  EXPECT_EQ(rows({{"", "FP32", {22}, std::vector<double>(22)}}), "11 rows, and 10 are allowed");
  EXPECT_EQ(rows({{"row", "FP32", {2}, {1, NAN}}}), "tensor 'row': value 1 is missing (NaN)");
  EXPECT_EQ(rows({{"row", "FP32", {2}, {1, NAN}}}, MissingValues::kScored), "1.0 nan ");
  EXPECT_EQ(rows({{"row", "FP64", {2}, {1, 1e300}}}), "tensor 'row': value 1 (1e+300) is no finite float");
}

// Whatever comes is read or refused. More or others: WEIR_MUTATION_SEED, WEIR_MUTATION_ROUNDS.
TEST(InferenceFormats, DamagedRequestsNeverDoMoreThanFail) {
  const std::uint64_t seed = number_from("WEIR_MUTATION_SEED", 1);
  const std::uint64_t rounds = number_from("WEIR_MUTATION_ROUNDS", 3'000);
  SCOPED_TRACE("seed " + std::to_string(seed));
  std::mt19937_64 random(seed);
  const InferenceRequest request{
      "r1", "m", "3", {{"a", "FP32", {2}, {0.1F, -2}}, {"b", "FP64", {2, 1}, {7, -9}}}, {"sum"}};
  const TwoInputs model;
  std::size_t refused = 0;
  for (const InferenceFormat format :
       {InferenceFormat::kJson, InferenceFormat::kProtobuf, InferenceFormat::kFloat32Rows}) {
    for (std::uint64_t round = 0; round < rounds; ++round) {
      InferenceRequest sent = request;
      sent.raw = round % 2 == 0;
      Bytes bytes;
      write_request(format, sent, bytes);
      for (std::uint64_t i = random() % 4; i < 4; ++i) {
        const std::size_t at = random() % bytes.size();
        switch (random() % 3) {
          case 0:
            bytes[at] = static_cast<char>(random());
            break;
          case 1:
            bytes.erase(at, 1 + random() % 3);
            break;
          default:
            bytes.insert(at, 1, static_cast<char>(random()));
        }
        if (bytes.empty()) bytes = "x";
      }
      const auto read = read_request(format, bytes, kLimits);
      if (read.ok()) {
        std::vector<float> rows;
        std::ignore = rows_of(*read, model.inputs(), MissingValues::kScored, kLimits, rows);
        std::ignore = check_outputs(*read, model);
      } else {
        EXPECT_TRUE(absl::IsInvalidArgument(read.status())) << read.status();
        ++refused;
      }
      std::ignore = read_response(format, bytes);
    }
  }
  EXPECT_GT(refused, rounds);
}

}  // namespace
}  // namespace weir::ml
