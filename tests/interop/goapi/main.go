// A subscriber on goapi that does as it is told: the settings, commands and events of ../sttpapi/subscriber.py.
//
// Settings (one JSON object, the only argument): address; out (the file for what arrives); tssc, gzip (booleans);
// version; filter; metadataFilters; metadata (false: do not ask for it); settings (use_millisecondresolution, request_nanvaluefilter, udpport,
// starttime, stoptime, constraintparameters, processinginterval); listen (true: wait at the address for a publisher that connects).
//
// Commands on standard input: subscribe FILTER | unsubscribe | refresh | expect COUNT | quit
// Events on standard output: connected, disconnected, metadata, cache, start, changed, status, error, reached, complete
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"math"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/sttp/goapi/sttp"
	"github.com/sttp/goapi/sttp/data"
	"github.com/sttp/goapi/sttp/transport"
)

type options struct {
	Address         string `json:"address"`
	Out             string `json:"out"`
	Tssc            *bool  `json:"tssc"`
	Gzip            *bool  `json:"gzip"`
	Metadata        *bool  `json:"metadata"`
	Listen          bool   `json:"listen"`
	Version         byte   `json:"version"`
	Filter          string `json:"filter"`
	MetadataFilters string `json:"metadataFilters"`
	Settings        struct {
		Milliseconds bool   `json:"use_millisecondresolution"`
		NaNFilter    bool   `json:"request_nanvaluefilter"`
		UdpPort      uint16 `json:"udpport"`
		Start        string `json:"starttime"`
		Stop         string `json:"stoptime"`
		Parameters   string `json:"constraintparameters"`
		Interval     *int32 `json:"processinginterval"`
	} `json:"settings"`
}

type event map[string]any

var output sync.Mutex

func emit(name string, details event) {
	if details == nil {
		details = event{}
	}
	details["event"] = name
	line, _ := json.Marshal(details)
	output.Lock()
	defer output.Unlock()
	fmt.Println(string(line))
}

// receiver writes what arrives and tells when enough has.
type receiver struct {
	mutex    sync.Mutex
	out      *os.File
	count    int
	expected int // -1 when nothing is awaited
}

func (r *receiver) take(measurements []transport.Measurement) {
	var lines strings.Builder
	for i := range measurements {
		m := &measurements[i]
		fmt.Fprintf(&lines, "%s %d %d %08x\n",
			strings.Trim(m.SignalID.String(), "{}"), uint64(m.Timestamp), uint32(m.Flags), math.Float32bits(float32(m.Value)))
	}
	r.mutex.Lock()
	if _, err := r.out.WriteString(lines.String()); err != nil {
		emit("fatal", event{"text": err.Error()})
	}
	r.count += len(measurements)
	r.mutex.Unlock()
	r.report()
}

func (r *receiver) report() {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	if r.expected >= 0 && r.count >= r.expected {
		r.expected = -1
		emit("reached", event{"count": r.count})
	}
}

func (r *receiver) expect(count int) {
	r.mutex.Lock()
	r.expected = count
	r.mutex.Unlock()
	r.report()
}

func orTrue(value *bool) bool {
	return value == nil || *value
}

func describe(dataSet *data.DataSet) event {
	tables := event{}
	for _, table := range dataSet.Tables() {
		columns := event{}
		for i := 0; i < table.ColumnCount(); i++ {
			column := table.Column(i)
			columns[column.Name()] = strings.ToUpper(column.Type().String())
		}
		tables[table.Name()] = event{"rows": table.RowCount(), "columns": columns}
	}
	return tables
}

func main() {
	var chosen options
	if err := json.Unmarshal([]byte(os.Args[1]), &chosen); err != nil {
		emit("fatal", event{"text": err.Error()})
		os.Exit(2)
	}
	out, err := os.Create(chosen.Out)
	if err != nil {
		emit("fatal", event{"text": err.Error()})
		os.Exit(2)
	}
	received := &receiver{out: out, expected: -1}

	subscriber := sttp.NewSubscriber()
	subscriber.SetStatusMessageLogger(func(text string) { emit("status", event{"text": text}) })
	subscriber.SetErrorMessageLogger(func(text string) { emit("error", event{"text": text}) })
	subscriber.SetConnectionEstablishedReceiver(func() { emit("connected", nil) })
	subscriber.SetConnectionTerminatedReceiver(func() { emit("disconnected", nil) })
	subscriber.SetMetadataReceiver(func(dataSet *data.DataSet) { emit("metadata", event{"tables": describe(dataSet)}) })
	subscriber.SetSubscriptionUpdatedReceiver(func(cache *transport.SignalIndexCache) {
		emit("cache", event{"count": int(cache.Count())})
	})
	subscriber.SetDataStartTimeReceiver(func(start time.Time) { emit("start", event{"time": start.UTC().Format(time.RFC3339Nano)}) })
	subscriber.SetConfigurationChangedReceiver(func() { emit("changed", nil) })
	subscriber.SetNewMeasurementsReceiver(received.take)
	subscriber.SetHistoricalReadCompleteReceiver(func() { emit("complete", nil) })

	config := sttp.NewConfig()
	config.RetryInterval = 100
	config.MaxRetryInterval = 500
	config.CompressPayloadData = orTrue(chosen.Tssc)
	config.CompressMetadata = orTrue(chosen.Gzip)
	config.CompressSignalIndexCache = orTrue(chosen.Gzip)
	config.AutoRequestMetadata = orTrue(chosen.Metadata)
	config.MetadataFilters = chosen.MetadataFilters
	if chosen.Version != 0 {
		config.Version = chosen.Version
	}
	settings := sttp.NewSettings()
	settings.UseMillisecondResolution = chosen.Settings.Milliseconds
	settings.RequestNaNValueFilter = chosen.Settings.NaNFilter
	settings.UdpPort = chosen.Settings.UdpPort
	settings.StartTime = chosen.Settings.Start
	settings.StopTime = chosen.Settings.Stop
	settings.ConstraintParameters = chosen.Settings.Parameters
	if chosen.Settings.Interval != nil {
		settings.ProcessingInterval = *chosen.Settings.Interval
	}

	subscriber.Subscribe(chosen.Filter, settings)
	begin := subscriber.Dial
	if chosen.Listen {
		begin = subscriber.Listen
	}
	if err := begin(chosen.Address, config); err != nil {
		emit("fatal", event{"text": err.Error()})
		os.Exit(1)
	}

	input := bufio.NewScanner(os.Stdin)
	for running := true; running && input.Scan(); {
		word, rest, _ := strings.Cut(strings.TrimSpace(input.Text()), " ")
		switch word {
		case "subscribe":
			subscriber.Subscribe(rest, settings)
		case "unsubscribe":
			subscriber.Unsubscribe()
		case "refresh":
			subscriber.RequestMetadata()
		case "expect":
			count, err := strconv.Atoi(rest)
			if err != nil {
				emit("fatal", event{"text": err.Error()})
			}
			received.expect(count)
		case "quit":
			running = false
		default:
			emit("fatal", event{"text": "unknown command " + word})
		}
	}
	received.mutex.Lock()
	out.Sync()
	emit("ended", event{"count": received.count})
	os.Exit(0)
}
