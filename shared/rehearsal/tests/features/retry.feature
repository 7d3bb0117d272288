Feature: Retries
  Every field of a retry policy.

  Scenario: A call is tried again after a constant delay
    Given a workflow with definition:
    """yaml
    document: {dsl: '1.0.3', namespace: own, name: test, version: '1.0.0'}
    do:
      - attempt:
          try:
            - get: {call: http, with: {method: get, endpoint: 'https://service.test/flaky/retry-constant/2/503'}}
          catch:
            
            retry: {delay: {seconds: 3}, limit: {attempt: {count: 5}}}
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    calls: 3
    """
    And the run should take about PT6S
    And get should run 3 times

  Scenario: A linear backoff adds the delay each time
    Given a workflow with definition:
    """yaml
    document: {dsl: '1.0.3', namespace: own, name: test, version: '1.0.0'}
    do:
      - attempt:
          try:
            - get: {call: http, with: {method: get, endpoint: 'https://service.test/flaky/retry-linear/3/503'}}
          catch:
            
            retry: {delay: {seconds: 2}, backoff: {linear: {}}, limit: {attempt: {count: 5}}}
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    calls: 4
    """
    And the run should take about PT12S

  Scenario: A linear backoff adds its increment up to its longest delay
    Given a workflow with definition:
    """yaml
    document: {dsl: '1.0.3', namespace: own, name: test, version: '1.0.0'}
    do:
      - attempt:
          try:
            - get: {call: http, with: {method: get, endpoint: 'https://service.test/flaky/retry-increment/3/503'}}
          catch:
            
            retry: {delay: {seconds: 2}, backoff: {linear: {increment: PT10S, maxDelay: PT15S}}}
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    calls: 4
    """
    And the run should take about PT29S

  Scenario: An exponential backoff doubles the delay
    Given a workflow with definition:
    """yaml
    document: {dsl: '1.0.3', namespace: own, name: test, version: '1.0.0'}
    do:
      - attempt:
          try:
            - get: {call: http, with: {method: get, endpoint: 'https://service.test/flaky/retry-double/3/503'}}
          catch:
            
            retry: {delay: {seconds: 1}, backoff: {exponential: {}}}
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    calls: 4
    """
    And the run should take about PT7S

  Scenario: An exponential backoff has a factor and a longest delay
    Given a workflow with definition:
    """yaml
    document: {dsl: '1.0.3', namespace: own, name: test, version: '1.0.0'}
    do:
      - attempt:
          try:
            - get: {call: http, with: {method: get, endpoint: 'https://service.test/flaky/retry-factor/3/503'}}
          catch:
            
            retry: {delay: {seconds: 1}, backoff: {exponential: {multiplier: 10, maxDelay: PT20S}}}
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    calls: 4
    """
    And the run should take about PT31S

  Scenario: Jitter adds to the delay
    Given a workflow with definition:
    """yaml
    document: {dsl: '1.0.3', namespace: own, name: test, version: '1.0.0'}
    do:
      - attempt:
          try:
            - get: {call: http, with: {method: get, endpoint: 'https://service.test/flaky/retry-jitter/1/503'}}
          catch:
            
            retry: {delay: {seconds: 1}, jitter: {from: {seconds: 10}, to: PT10S}}
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    calls: 2
    """
    And the run should take about PT11S

  Scenario: The first try does not count as a retry
    Given a workflow with definition:
    """yaml
    document: {dsl: '1.0.3', namespace: own, name: test, version: '1.0.0'}
    do:
      - attempt:
          try:
            - get: {call: http, with: {method: get, endpoint: 'https://service.test/flaky/retry-count/3/503'}}
          catch:
            
            retry: {limit: {attempt: {count: 2}}}
    """
    When the workflow is executed
    Then the workflow should fault with error:
    """yaml
    status: 503
    title: Service Unavailable
    instance: /do/0/attempt/try/0/get
    """
    And get should run 3 times

  Scenario: No try begins after the limit of all
    Given a workflow with definition:
    """yaml
    document: {dsl: '1.0.3', namespace: own, name: test, version: '1.0.0'}
    do:
      - attempt:
          try:
            - get: {call: http, with: {method: get, endpoint: 'https://service.test/flaky/retry-limit/9/503'}}
          catch:
            
            retry: {delay: {seconds: 4}, limit: {duration: {seconds: 10}}}
    """
    When the workflow is executed
    Then the workflow should fault
    And get should run 3 times
    And the run should take about PT8S

  Scenario: Each try has a limit of its own
    Given a workflow with definition:
    """yaml
    document: {dsl: '1.0.3', namespace: own, name: test, version: '1.0.0'}
    do:
      - attempt:
          try:
            - get: {call: http, with: {method: get, endpoint: 'https://service.test/slow-first/retry-attempt/1/30000'}}
          catch:
            retry: {limit: {attempt: {count: 1, duration: {milliseconds: 300}}}}
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    calls: 2
    """
    And the run should take under PT20S

  Scenario: Only errors that a policy wants are tried again
    Given a workflow with definition:
    """yaml
    document: {dsl: '1.0.3', namespace: own, name: test, version: '1.0.0'}
    do:
      - attempt:
          try:
            - get: {call: http, with: {method: get, endpoint: 'https://service.test/flaky/retry-when/1/404'}}
          catch:
            
            retry: {when: .status >= 500, limit: {attempt: {count: 5}}}
    """
    When the workflow is executed
    Then the workflow should fault with error:
    """yaml
    status: 404
    """
    And get should run 1 times

  Scenario: Errors that a policy does not want are not tried again
    Given a workflow with definition:
    """yaml
    document: {dsl: '1.0.3', namespace: own, name: test, version: '1.0.0'}
    do:
      - attempt:
          try:
            - get: {call: http, with: {method: get, endpoint: 'https://service.test/flaky/retry-except/1/503'}}
          catch:
            as: why
            retry: {exceptWhen: $why.status == 503, limit: {attempt: {count: 5}}}
    """
    When the workflow is executed
    Then the workflow should fault
    And get should run 1 times

  Scenario: After the last try the tasks about the error are done
    Given a workflow with definition:
    """yaml
    document: {dsl: '1.0.3', namespace: own, name: test, version: '1.0.0'}
    do:
      - attempt:
          try:
            - get: {call: http, with: {method: get, endpoint: 'https://service.test/flaky/retry-do/9/503'}}
          catch:
            do: [instead: {set: {status: '${ $error.status }'}}]
            retry: {limit: {attempt: {count: 1}}}
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    status: 503
    """
    And get should run 2 times

  Scenario: A policy that is declared once is used by name
    Given a workflow with definition:
    """yaml
    document: {dsl: '1.0.3', namespace: own, name: test, version: '1.0.0'}
    do:
      - attempt:
          try:
            - get: {call: http, with: {method: get, endpoint: 'https://service.test/flaky/retry-named/1/503'}}
          catch:
            
            retry: often
    use: {retries: {often: {delay: PT5S, limit: {attempt: {count: 1}}}}}
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    calls: 2
    """
    And the run should take about PT5S
